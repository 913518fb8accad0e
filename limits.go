package hotsock

import "time"

// Limits that no option changes. What an app can change is in [Options]; what
// tokens are held to as well is in internal/protocol, and how many permissions a
// connection remembers in internal/permission.
// docs/protocol.md#limits tells clients of those that they can meet, and
// TestLimits holds that table to this file.

const (
	maxDeduplicationID = 128 // bytes
	maxReason          = 123 // bytes of what the app says at an end: a close frame has room for no more
)

// Pages, so that one request cannot ask for everything.
const (
	firstReplayPage = 32 << 10  // bytes of what was missed that are read first: most have missed little
	replayPage      = 256 << 10 // bytes that are read at once after that, so that the store serves others in between
	maxPageSize     = 1 << 20   // bytes of an answer
	maxRewindBytes  = 1 << 20   // bytes of kept messages that a subscribe brings; wire.MaxRewind is how many
	scanPage        = 500       // storage keys that are read at once to be filtered
	maxScan         = 10_000    // storage keys that one request looks through for those that a pattern permits
	maxScheduleScan = 1000      // schedules that one request looks through for a client's own
	entryPage       = 256 << 10 // bytes of storage entries that are read at once
	maxFiltered     = 4 << 20   // bytes of messages that one request looks through for those of an event
	maxReactors     = 20        // first reactions to each message in a page of messages; all are in pages of their own
)

// maxPlaces is how many channels the id of a feed's event knows the position of: it is in
// each event, and comes back in a header.
const maxPlaces = 16

// What those who catch up may take of a node at once, however many come back.
const (
	maxCatchUpReads  = 8       // of more than firstReplayPage: others wait for their turn
	maxCatchUpFrames = 1 << 14 // messages of which it is known that they wait for somebody already
)

// What one user may take of what all share, so that enough is left for others.
const (
	userShare             = 10  // of Options.MaxSchedules: a user may have a tenth, on each channel
	leastUserSchedules    = 10  // that are a user's share however few there may be
	maxUserReactions      = 20  // to one message
	maxDifferentReactions = 200 // to one message, by all: a page of messages shows how many there are of each
)

// What is remembered, so that a client which uses ever new names cannot fill
// the memory.
const (
	maxSentEntries   = 256      // storage reads of a subscription; beyond, the store's order alone decides
	maxDepartedUsers = 1 << 14  // users without a connection whose rate limit is remembered
	maxPooled        = 16 << 10 // bytes of a buffer that is used again
	maxRetryBytes    = 1 << 20  // bytes of a connection's subscribes that wait, unverified tokens among them
	eventQueue       = 16384    // events that wait for the sink
	maxEventBytes    = 64 << 20 // of them, since an event can have a list of all members
	maxParamName     = 200      // bytes of the path to what is wrong in the parameters of a call
	maxLogged        = 1 << 10  // bytes of one value in the log
	maxRevocations   = 20_000   // revocations, of about 300 bytes on each node and in the store
)

// What changes of a presence channel's members cost each of its subscribers, so
// that one member who comes and goes cannot make n members receive n lists for
// each time.
const (
	memberListRate   = 128 << 10              // bytes of lists a second, of all channels of a connection
	memberListBurst  = 512 << 10              // bytes of lists at once, after a pause
	memberListRoom   = 64 << 10               // bytes that may wait for a client that is sent one
	memberListPause  = 250 * time.Millisecond // until a list that had to wait is tried again
	infoPause        = time.Second            // between two reads of a channel's info for its subscribers
	memberBatchPause = 250 * time.Millisecond // between two frames for those who follow changes of members
	memberPage       = 64 << 10               // bytes of members in such a frame, or in a page of a list
	memberListWait   = 500 * time.Millisecond // for the changes that a subscriber's list must have, until the store is asked for it
)

// The log, which one client must not fill.
const (
	maxLogLines = 10               // with the same message within logInterval, besides those for debugging
	logInterval = 10 * time.Second // after which the next line says how many were omitted
)

// Work and time that one request gets.
const (
	maxAsked  = 64   // nodes that one request asks at a time
	maxOnline = 1000 // users whose connections one request counts

	maxChannelReads = 128              // of these at a time
	maxInfoReads    = 64               // of channels' info for their subscribers at a time
	maxInfoRetries  = 8                // of those that failed
	maxReads        = 4                // of an entry, to learn whether what was delivered is newer
	bodyTimeout     = 10 * time.Second // for a body to arrive, and longer for each byte that has
	bodyRate        = 4 << 10          // bytes of a body a second at the least, after that
	// silencePause is when a client that was found silent is checked again.
	silencePause = 100 * time.Millisecond

	maxAPIKey         = 1 << 10 // bytes of a key that Options.CheckAPIKey is asked about
	maxRequestHeaders = 32      // that a preflight is told it may send

	reservedPage   = 1000 // records of a reserved channel that are read at once
	reservedAtOnce = 16   // of these, that are written at a time
)

// What the app's own code may give.
const (
	maxResult      = 256 << 10       // bytes of a call's result: as many as may run at once fit into a connection's queue
	maxStreamSize  = 8 << 20         // Options.MaxStreamSize
	maxReplayLimit = 100_000         // Options.ReplayLimit: messages of a channel that a store keeps ready
	callGrace      = 5 * time.Second // for the calls of a connection that is being closed, until their contexts end
	callCutOff     = time.Second     // for them to return after that
	maxLateHooks   = 1000            // calls of hooks that have exceeded Hooks.Timeout and still run
	maxCode        = 64              // bytes of an error code of its own
	maxTrace       = 1 << 10         // bytes of a message's trace
	maxHeaderValue = 256             // bytes of a request header in an event
	// maxClockSkew is a few minutes (RFC 7519): tokens live that much longer.
	maxClockSkew = 5 * time.Minute
	// maxPresenceGrace bounds Options.PresenceGrace: those who are gone take up room in
	// lists of members, and others see them.
	maxPresenceGrace = 5 * time.Minute
)

// Streams, of which each viewer gets a bounded number of frames.
const (
	streamPause     = 125 * time.Millisecond // between two frames of a stream: what it writes meanwhile goes together
	streamPauseByte = time.Second >> 20      // is added for each byte that it has, since the store writes all of it again
	leastFlushPause = 40 * time.Millisecond  // between two frames even if each is flushed
	maxStreamWaits  = 64 << 10               // bytes that wait for the store before Write waits, too
	streamEndWait   = 10 * time.Second       // that Close waits for the store
	maxStreamReason = 123                    // bytes of why a stream was aborted
	maxAppendTries  = 10                     // of an append that somebody else came before
	streamPage      = 100                    // records of streams that are read at once
	maxEarlyStops   = 1000                   // requests to stop a stream that come while streams begin
	stopKept        = time.Minute            // that it is known that a stream is to stop
	maxStoppable    = 256 << 10              // bytes of what a node remembers of streams of others that clients want to stop
	streamLooks     = 10                     // times in Options.NodeTimeout that a node looks whether those that write streams are alive
)

// Erasures, which must not keep others from the store.
const (
	maxErasures = 10_000 // that are not done, of about 500 bytes in the store; each node remembers their ids
	eraseStep   = 250    // messages or keys that a step takes
	eraseAtOnce = 16     // of these, that are deleted at a time

	erasureLease = 6 * time.Second        // without a new version of its record, until another node takes an erasure over
	erasureKept  = time.Hour              // that the record stays of an erasure whose end nobody waited for
	erasurePause = 100 * time.Millisecond // between two steps at the most; usually as long as the step was
	erasureWait  = 2 * time.Second        // that a request over HTTP waits for the end
)
