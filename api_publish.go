package hotsock

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/appdata"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// The files api_*.go are the server API in Go: what the host itself does,
// without any client's permission.

// A Message is what a host publishes.
type Message struct {
	// Channel and Event are required: 1 to 256 characters without "*", "#",
	// ",", white space or control characters, and 1 to 128 characters without
	// "*" or control characters, which do not begin with "hotsock." or "#".
	Channel string
	Event   string
	// Data is marshalled as JSON; nil is null. A json.RawMessage or a []byte is
	// JSON already, and is refused if it is not valid. Only a []byte inside other
	// data becomes base64, as in encoding/json.
	Data any
	// Store is how long the message is kept in the history, in whole seconds:
	// 0 for not at all, or [Forever].
	Store time.Duration
	// DeduplicationID makes this and later publishes on the channel with the
	// same id, within [Options.DeduplicationWindow], one message.
	DeduplicationID string
	// From is in whose name the message is published: subscribers and the history
	// see it as one of this user. nil is for the server. UID is required then, with
	// at most 128 characters; UMD is JSON, of at most [Options.MaxMetadataSize].
	From *Member
	// Exclude is the id of a connection that does not get the message, for instance
	// because its page has caused it and shows it already. After a reconnect it has
	// another id, and may catch up with the message.
	Exclude string
	// EmitEvent raises [EventMessagePublished].
	EmitEvent bool
	// At is when to publish it, in the years 1970 to 2261; zero is now. A message
	// with a time that has passed is scheduled too, and carried out at once.
	At time.Time
}

// A PublishResult says what became of a publish.
type PublishResult struct {
	// ID of the message, "" if it was scheduled.
	ID string
	// ScheduleARN names the schedule, for [Handler.CancelSchedule]; "" if the
	// message was published at once.
	ScheduleARN string
	// Duplicate says that a message with the same DeduplicationID was published
	// before: ID is that of the first one, and nothing was published now. It is
	// false for a scheduled message, whose DeduplicationID counts when it is due.
	Duplicate bool
}

// Publish publishes or schedules a message. When it returns without error, the
// message is accepted and will reach every subscriber. The error is an [*Error].
func (h *Handler) Publish(ctx context.Context, m Message) (PublishResult, error) {
	prepared, err := newServerMessage(&m, &h.opts)
	if err != nil {
		return PublishResult{}, err
	}
	who := source{Trigger: triggerGo}
	out, err := h.writes.serverPublish(ctx, &who, &prepared)
	return toPublishResult(out), hostError(err)
}

// newServerMessage does what calls code of the host.
func newServerMessage(m *Message, o *Options) (serverMessage, error) {
	data, err := marshalData(m.Data, o.MaxDataSize)
	if err != nil {
		return serverMessage{}, err
	}
	var from *store.Meta
	if m.From != nil {
		if from, err = newSender(m.From.UID, m.From.UMD, o.MaxMetadataSize); err != nil {
			return serverMessage{}, err
		}
	}
	retention, err := retentionOf(m.Store)
	if err != nil {
		return serverMessage{}, err
	}
	return serverMessage{
		channel: m.Channel, event: m.Event, data: data, retention: retention, dedup: m.DeduplicationID,
		from: from, exclude: m.Exclude, emit: m.EmitEvent, due: m.At,
	}, nil
}

// newSender checks in whose name something is to be done.
func newSender(uid string, umd []byte, maxUMD int) (*store.Meta, error) {
	if err := validateUID(uid); err != nil {
		return nil, err
	}
	if umd == nil {
		return &store.Meta{UID: uid}, nil
	}
	compact, err := wire.Value("umd", umd, maxUMD)
	if err != nil {
		return nil, asError(err)
	}
	// The host may change its own.
	return &store.Meta{UID: uid, UMD: bytes.Clone(compact)}, nil
}

// An Entry is what a host writes to a channel's storage.
type Entry struct {
	// Channel and Key are required. Both follow the rules of a channel's name
	// (see [Message]); a key has at most 128 characters.
	Channel string
	Key     string
	// Data is marshalled as JSON, as in [Message]. null and {} clear the entry.
	Data any
	// Store is how long the entry is kept, in whole seconds. Defaults to
	// [Forever].
	Store time.Duration
	// EmitEvent raises [EventChannelStorageUpdated], also when the entry expires.
	EmitEvent bool
	// At is when to write it, as in [Message].
	At time.Time
	// IfVersion, unless nil, is the version that the entry must have, "" for no entry.
	// Otherwise nothing is written, and the code is [CodeConflict]. A write for later
	// cannot have it.
	IfVersion *string
}

// A SetResult says what became of a write to a channel's storage.
type SetResult struct {
	// ScheduleARN names the schedule, for [Handler.CancelSchedule]; "" if the
	// entry was written at once.
	ScheduleARN string
	// Current is the entry as it is now, after a write with an IfVersion or an addition,
	// and also with [CodeConflict]. Its Version is "" if there is none. It is nil
	// otherwise.
	Current *StoredEntry
}

// SetStorage writes, clears or schedules the write of a storage entry. The
// error is an [*Error].
func (h *Handler) SetStorage(ctx context.Context, e Entry) (SetResult, error) {
	data, err := marshalData(e.Data, h.opts.MaxDataSize)
	if err != nil {
		return SetResult{}, err
	}
	return writeEntry(ctx, e, data, h.writes.serverSet)
}

// AddStorage adds Data, which must be a number, to that of the entry; no entry is 0. The
// sum is the Current of the result. However many add at the same time, on any node and
// from clients, all of it is counted. If the entry is no number, the code is
// [CodeConflict]. The entry is kept for Store from now on. There must be neither an At
// nor an IfVersion. The error is an [*Error].
func (h *Handler) AddStorage(ctx context.Context, e Entry) (SetResult, error) {
	data, err := marshalData(e.Data, h.opts.MaxDataSize)
	if err != nil {
		return SetResult{}, err
	}
	return writeEntry(ctx, e, data, h.writes.serverAdd)
}

// A Reaction is one that a host adds or removes on behalf of a user.
type Reaction struct {
	Channel   string
	MessageID string
	// Reaction is 1 to 100 bytes with something visible, without control
	// characters, and "#" only as a keycap emoji. It is taken in its normal form:
	// 👍 is the same with U+FE0F and without.
	Reaction string
	// UID is required.
	UID string
	// UMD is marshalled as JSON, as the data of a [Message]; nil is null.
	UMD    any
	Remove bool
	// Exclude is the id of a connection that is not told, as in [Message].
	Exclude string
	// EmitEvent raises [EventMessageReactionAdded] or [EventMessageReactionRemoved].
	EmitEvent bool
}

// React adds or removes a reaction to a stored message. Adding an existing
// reaction, or removing one that is not there, does nothing. The error is an
// [*Error].
func (h *Handler) React(ctx context.Context, r Reaction) error {
	umd, err := marshalData(r.UMD, h.opts.MaxDataSize)
	if err != nil {
		return err
	}
	id, err := ulid.ParseStrict(r.MessageID)
	reaction, valid := protocol.NormalReaction(r.Reaction)
	switch {
	case !protocol.ValidChannel(r.Channel):
		err = refuseBecause(CodeInvalidRequest, invalidChannel)
	case err != nil:
		err = refuse(CodeMessageNotFound)
	case !valid:
		err = refuseBecause(CodeInvalidRequest, `Reaction must be 1 to 100 bytes with something visible, without control characters, and "#" only as a keycap emoji`)
	default:
		if err = errors.Join(validateUID(r.UID), validateExclude(r.Exclude)); err != nil {
			break
		}
		who := source{Trigger: triggerGo}
		err = h.writes.react(ctx, &who, r.Channel, store.Meta{UID: r.UID, UMD: umd},
			wire.Reaction{MessageID: id, Reaction: reaction, Remove: r.Remove}, reactOptions{exclude: r.Exclude, emit: r.EmitEvent})
	}
	return hostError(err)
}

// triggerGo is the trigger of events that this API causes.
const triggerGo = "server.go"

// serverMessage and serverWrite are what both server APIs ask for.
type serverMessage struct {
	channel, event, dedup string
	data                  []byte
	retention             time.Duration
	from                  *store.Meta // nil for the server
	exclude               string      // connection
	emit                  bool
	due                   time.Time // zero is now
	stream                []byte    // its state if it is streamed, else nil
}

type serverWrite struct {
	channel, key string
	data         []byte
	retention    time.Duration
	emit         bool
	due          time.Time  // zero is now
	ifVersion    *ulid.ULID // zero for no entry, nil for any
}

func (sw *storeWriter) serverPublish(ctx context.Context, who *source, m *serverMessage) (publishResult, error) {
	if err := validateChannel(m.channel); err != nil {
		return publishResult{}, err
	}
	if err := validateEvent(m.event); err != nil {
		return publishResult{}, err
	}
	if err := validateDeduplicationID(m.dedup); err != nil {
		return publishResult{}, err
	}
	if err := validateExclude(m.exclude); err != nil {
		return publishResult{}, err
	}
	p := store.PublishRequest{
		Channel: m.channel, Event: m.event, Data: m.data, Meta: m.from, Retention: m.retention, Exclude: m.exclude,
		DedupID: m.dedup, DedupFor: sw.opts.DeduplicationWindow, Stream: m.stream,
	}
	if !m.due.IsZero() {
		later := p // Only this one has to be on the heap.
		return sw.schedule(ctx, who, &store.Schedule{Due: m.due, Publish: &later, Emit: m.emit})
	}
	return sw.publish(ctx, who, &p, m.emit)
}

func (sw *storeWriter) serverSet(ctx context.Context, who *source, w serverWrite) (publishResult, error) {
	s, err := sw.setRequestOf(who, &w)
	if err != nil {
		return publishResult{}, err
	}
	if !w.due.IsZero() {
		if w.ifVersion != nil {
			return publishResult{}, refuseBecause(CodeInvalidRequest, scheduledCondition)
		}
		return sw.schedule(ctx, who, &store.Schedule{Due: w.due, Set: s, Emit: w.emit})
	}
	r, err := sw.set(ctx, who, s)
	if err != nil || w.ifVersion == nil {
		return publishResult{}, err
	}
	return publishResult{written: wire.Written{Entry: &r.Entry}}, nil
}

// setRequestOf describes a write of the app.
func (sw *storeWriter) setRequestOf(who *source, w *serverWrite) (*store.SetRequest, error) {
	if err := validateChannel(w.channel); err != nil {
		return nil, err
	}
	if err := validateKey(w.key); err != nil {
		return nil, err
	}
	if w.retention == 0 {
		return nil, refuseBecause(CodeInvalidRequest, `"store" must not be 0 for a storage entry`)
	}
	s := setRequest(w.channel, w.key, w.data)
	s.Retention, s.IfID = w.retention, w.ifVersion
	if w.emit {
		s.Emit, s.Origin = true, sw.opts.origin(who)
	}
	return s, nil
}

// retentionOf returns how long the store keeps what has this Store.
func retentionOf(d time.Duration) (time.Duration, error) {
	switch {
	case d == Forever:
		return store.Forever, nil
	case d == Never:
		return 0, nil
	case d < 0 || d%time.Second != 0 || d > protocol.MaxStore*time.Second:
		return 0, refuseBecause(CodeInvalidRequest, "Store must be whole seconds, at most 3155695200, or Forever")
	}
	return d, nil
}

// marshalData makes compact and checked JSON of what a host supplies; nil of nil.
func marshalData(data any, most int) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	raw, err := appdata.Marshal(data)
	if errors.Is(err, appdata.ErrNotJSON) {
		return nil, refuseBecause(CodeInvalidJSON, err.Error())
	}
	if err != nil {
		return nil, refuseBecause(CodeInvalidRequest, "the data cannot be marshalled: "+err.Error())
	}
	b, err := wire.Value("data", raw, most)
	if err != nil {
		return nil, asError(err)
	}
	return b, nil
}

func toPublishResult(a publishResult) PublishResult {
	r := PublishResult{ScheduleARN: a.arn, Duplicate: a.duplicate}
	if !a.id.IsZero() {
		r.ID = a.id.String()
	}
	return r
}
