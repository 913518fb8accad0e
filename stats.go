package hotsock

import "sync/atomic"

// Stats tell an operator how much a handler has now, and how much has happened
// since it was made. Each node counts for itself.
type Stats struct {
	// Connections is how many are open.
	Connections int
	// Subscriptions is how many these have.
	Subscriptions int
	// Channels is how many have subscribers here.
	Channels int
	// QueuedBytes wait to be written to clients. A message counts once for each client
	// that it waits for, though it is in memory once: where many of a channel are slow,
	// this is far more than what it takes, and than [Options.MaxTotalQueueSize].
	QueuedBytes int64

	// Connected is how many connections were accepted.
	Connected uint64
	// Disconnected is how many ended, by reason: "client" (it closed, or its
	// network failed), "expired" ([Options.MaxConnectionDuration]), "idle",
	// "heartbeat", "unresponsive" ([Options.PongTimeout]), "slow"
	// ([Options.MaxQueueSize], [Options.MaxTotalQueueSize] and
	// [Options.WriteTimeout]), "flood" ([Options.ConnectionRateLimit] and
	// [Options.UserRateLimit]), "host" ([Handler.Disconnect] and
	// [Handler.DisconnectUser]), "revoked" ([Handler.Revoke]) and "shutdown". All
	// keys are present, also those with 0.
	Disconnected map[string]uint64

	// Published is how many messages, and notices of reactions and edits, the
	// store accepted from this node; not scheduled ones.
	Published uint64
	// Items is how many messages, presence changes and storage changes this
	// node was given for channels with subscribers here.
	Items uint64
	// Delivered is how many of these were queued, one for each subscriber.
	Delivered uint64
	// SentBytes is how many bytes of messages were written to clients.
	SentBytes uint64

	// Errors is how many errors clients were told of, over WebSockets and
	// HTTP, by code. All codes are present.
	Errors map[Code]uint64

	// StoreCalls is how often the store and the scheduler were called. An
	// [Observer] is told how long that takes.
	StoreCalls uint64
	// StoreUnavailable is how many of the calls failed because the store was
	// not available, or did not answer in time.
	StoreUnavailable uint64
	// Lost is how often the store could not prove that a channel's subscribers
	// here got everything: they were told "recovered":false.
	Lost uint64
	// Rejoined is how often the others took this node for dead.
	Rejoined uint64

	// Revocations is how many this node remembers.
	Revocations int

	// Calls is how many calls of methods this node began to carry out, and
	// RunningCalls how many of them have not ended.
	Calls        uint64
	RunningCalls int

	// SchedulesFired is how many schedules this node carried out.
	SchedulesFired uint64
	// EventsDropped is how many events [Options.Events] did not get because it
	// fell behind, counted for each of several sinks.
	EventsDropped uint64
}

// counts are the counters that have no better place. None of them is touched
// for each subscriber of a message.
type counts struct {
	disconnected     [len(closeReasons)]atomic.Uint64
	errors           map[Code]*atomic.Uint64 // never written to
	published        atomic.Uint64
	storeCalls       atomic.Uint64
	storeUnavailable atomic.Uint64
	lost             atomic.Uint64
	rejoined         atomic.Uint64
	fired            atomic.Uint64
	calls            atomic.Uint64
}

func (c *counts) init() {
	c.errors = make(map[Code]*atomic.Uint64, len(codes))
	for code := range codes {
		c.errors[code] = new(atomic.Uint64)
	}
}

// failed counts an error that a client is told of.
func (c *counts) failed(code Code) {
	if n := c.errors[code]; n != nil { // a host may have codes of its own
		n.Add(1)
	}
}

// Stats returns the current figures. It is cheap enough to be called every few
// seconds: it looks at each connection, but holds up nothing. The fields need not
// be of the same moment.
func (h *Handler) Stats() Stats {
	c := &h.counts
	s := Stats{
		Disconnected:     make(map[string]uint64, len(closeReasons)),
		Published:        c.published.Load(),
		SentBytes:        h.flusher.Written(),
		Errors:           make(map[Code]uint64, len(codes)),
		StoreCalls:       c.storeCalls.Load(),
		StoreUnavailable: c.storeUnavailable.Load(),
		Lost:             c.lost.Load(),
		Rejoined:         c.rejoined.Load(),
		Revocations:      int(h.revoker.known.count.Load()),
		Calls:            c.calls.Load(),
		RunningCalls:     h.calls.stats(),
		SchedulesFired:   c.fired.Load(),
		EventsDropped:    h.events.droppedSoFar(),
	}
	for r := reasonClient; int(r) < len(closeReasons); r++ {
		s.Disconnected[r.name()] = c.disconnected[r].Load()
	}
	for code, n := range c.errors {
		s.Errors[code] = n.Load()
	}
	h.conns.stats(&s)
	h.hub.stats(&s)
	return s
}

func (set *connectionSet) stats(s *Stats) {
	set.mu.RLock()
	defer set.mu.RUnlock()
	s.Connections, s.Connected = len(set.byID), set.added
	for _, c := range set.byID {
		s.QueuedBytes += int64(c.sock.Queued())
	}
}

func (r *callRunner) stats() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

func (h *hub) stats(s *Stats) {
	for i := range h.shards {
		sh := &h.shards[i]
		sh.mu.RLock()
		s.Channels += len(sh.topics)
		s.Subscriptions += sh.refs
		sh.mu.RUnlock()
		s.Items += sh.items.Load()
		s.Delivered += sh.delivered.Load()
	}
}
