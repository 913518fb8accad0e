package hotsock

import (
	"context"
	"encoding/json"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Version of the library, as events and requests carry it.
const Version = "0.1.0"

// An EventSink gets to know what happens inside (protocol section 13).
type EventSink interface {
	// HandleEvent is called with one event at a time, in the order in which
	// they happened on this node, by one goroutine; ctx ends when the handler
	// is closed. Each happening is an event on one node only. Events wait in a
	// queue: if the sink falls behind by more than 16384, new ones are dropped
	// and counted in the log, so that it never slows anything down. Errors and
	// panics are logged.
	HandleEvent(ctx context.Context, e Event) error
}

// EventSinkFunc makes a function an [EventSink].
type EventSinkFunc func(ctx context.Context, e Event) error

// HandleEvent calls f.
func (f EventSinkFunc) HandleEvent(ctx context.Context, e Event) error { return f(ctx, e) }

// An Event is something that happened. Its JSON is the shape that Hotsock
// defines.
type Event struct {
	// Source is "hotsock.v1".
	Source string `json:"source"`
	// Type is "hotsock.connected", for instance.
	Type     string        `json:"type"`
	Metadata EventMetadata `json:"metadata"`
	// Data is one of the Event…Data types, as DataType says.
	Data any `json:"data"`
	// DataType is "connection", "subscription", "channel", "message",
	// "channelStorage", "messageReaction" or "channelMember".
	DataType string `json:"dataType"`
}

// EventMetadata says where an event comes from. What does not apply is "".
type EventMetadata struct {
	Channel        string `json:"channel,omitempty"`
	ConnectionID   string `json:"connectionId,omitempty"`
	Event          string `json:"event,omitempty"`
	HotsockVersion string `json:"hotsockVersion"`
	Key            string `json:"key,omitempty"`
	Reaction       string `json:"reaction,omitempty"`
	RequestID      string `json:"requestId,omitempty"`
	SourceIP       string `json:"sourceIp,omitempty"`
	// Trigger is "client.websocket", "client.http", "server.http" or
	// "server.go".
	Trigger   string `json:"trigger,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
}

// EventConnectionData is the Data of hotsock.connected, .disconnected and
// .connectionUpdated.
type EventConnectionData struct {
	ID             string          `json:"id"`
	ConnectedAt    time.Time       `json:"connectedAt"`
	DisconnectedAt *time.Time      `json:"disconnectedAt"`
	KeepAlive      bool            `json:"keepAlive"`
	SourceIP       *string         `json:"sourceIp"`
	UID            *string         `json:"uid"`
	UMD            json.RawMessage `json:"umd"`
	UserAgent      *string         `json:"userAgent"`
}

// EventSubscriptionData is the Data of hotsock.subscribed and .unsubscribed.
type EventSubscriptionData struct {
	Channel      string          `json:"channel"`
	ConnectionID string          `json:"connectionId"`
	UID          *string         `json:"uid"`
	UMD          json.RawMessage `json:"umd"`
}

// EventChannelData is the Data of hotsock.channelUpdated.
type EventChannelData struct {
	Name               string `json:"name"`
	SubscriptionsCount int    `json:"subscriptionsCount"`
}

// EventMessageData is the Data of hotsock.messagePublished.
type EventMessageData struct {
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	ID      string          `json:"id"`
	Data    json.RawMessage `json:"data"`
	// Meta is nil if the server published it.
	Meta *EventMeta `json:"meta,omitempty"`
}

// EventMeta is who did something.
type EventMeta struct {
	UID *string         `json:"uid"`
	UMD json.RawMessage `json:"umd"`
}

// EventStorageData is the Data of hotsock.channelStorageUpdated.
type EventStorageData struct {
	Channel string `json:"channel"`
	Key     string `json:"key"`
	// Data is null after a clear and after an expiry.
	Data         json.RawMessage `json:"data"`
	DataPrevious json.RawMessage `json:"dataPrevious"`
	Expired      bool            `json:"expired"`
	ExpiresAt    *time.Time      `json:"expiresAt"`
	Meta         EventMeta       `json:"meta"`
}

// EventReactionData is the Data of hotsock.messageReactionAdded and …Removed.
type EventReactionData struct {
	Channel   string          `json:"channel"`
	MessageID string          `json:"messageId"`
	ID        string          `json:"id"`
	Reaction  string          `json:"reaction"`
	UID       string          `json:"uid"`
	UMD       json.RawMessage `json:"umd"`
	CreatedAt time.Time       `json:"createdAt"`
	ExpiresAt *time.Time      `json:"expiresAt"`
}

// EventMemberData is the Data of hotsock.memberAdded, .memberUpdated and
// .memberRemoved.
type EventMemberData struct {
	UID     string          `json:"uid"`
	UMD     json.RawMessage `json:"umd"`
	Members []EventMeta     `json:"members"`
}

// eventQueue is how far a sink may fall behind.
const eventQueue = 16384

// An emitter carries events to the sink without making anybody wait.
type emitter struct {
	sink   EventSink
	logger *slog.Logger
	queue  chan Event
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	dropped int
	stopped bool
}

// newEmitter returns nil for no sink: its methods do nothing then.
func newEmitter(sink EventSink, logger *slog.Logger) *emitter {
	if sink == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &emitter{
		sink: sink, logger: logger, cancel: cancel,
		queue: make(chan Event, eventQueue), done: make(chan struct{}),
	}
	go e.run(ctx)
	return e
}

// on reports whether events are wanted, so that none is built in vain.
func (e *emitter) on() bool { return e != nil }

func (e *emitter) emit(typ, dataType string, m EventMetadata, data any) {
	if e == nil {
		return
	}
	m.HotsockVersion = Version
	ev := Event{Source: "hotsock.v1", Type: typ, Metadata: m, Data: data, DataType: dataType}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	select {
	case e.queue <- ev:
		if e.dropped > 0 {
			e.logger.Error("hotsock: the event sink fell behind, events were dropped", "dropped", e.dropped)
			e.dropped = 0
		}
	default:
		e.dropped++
	}
}

func (e *emitter) run(ctx context.Context) {
	defer close(e.done)
	for ev := range e.queue {
		if err := e.handle(ctx, ev); err != nil {
			e.logger.Error("hotsock: the event sink failed", "type", ev.Type, "err", err)
		}
	}
}

func (e *emitter) handle(ctx context.Context, ev Event) error {
	defer func() {
		if p := recover(); p != nil {
			e.logger.Error("hotsock: the event sink panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return e.sink.HandleEvent(ctx, ev)
}

// stop hands out what is queued, until ctx ends.
func (e *emitter) stop(ctx context.Context) {
	if e == nil {
		return
	}
	e.mu.Lock()
	if !e.stopped {
		e.stopped = true
		close(e.queue)
		if e.dropped > 0 {
			e.logger.Error("hotsock: the event sink fell behind, events were dropped", "dropped", e.dropped)
		}
	}
	e.mu.Unlock()
	stop := context.AfterFunc(ctx, e.cancel)
	defer stop()
	<-e.done
	e.cancel()
}
