package hotsock

import (
	"context"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A stoppable is what a node knows of a message whose stream somebody wants to end, and
// which another node may write. A client can ask any number of times: so the message, which
// may be long, is not read each time.
type stoppable struct {
	event, uid string // of the message
	streamed   bool
	ends       bool // it has ended, or all nodes know that it is to
	until      time.Time
}

type stoppableID struct {
	channel string
	message ulid.ULID
}

// senderOf is the uid of who has sent a message, "" for the app.
func senderOf(m *store.Meta) string {
	if m == nil {
		return ""
	}
	return m.UID
}

// clientStop stops the stream of a message for a client.
func (st *streams) clientStop(ctx context.Context, acc *access, id ulid.ULID) error {
	if err := acc.permitStopping(id); err != nil {
		return err
	}
	if s := st.ownStream(acc.channel, id); s != nil {
		if err := acc.permitStop(s.event, s.uid); err != nil {
			return err
		}
		s.stop("stopped", ErrStreamStopped)
		return nil
	}
	key := stoppableID{acc.channel, id}
	m, known := st.recall(key)
	if !known {
		var err error
		if m, err = st.readStoppable(ctx, key); err != nil {
			return err
		}
		st.remember(key, m)
	}
	if err := acc.permitStop(m.event, m.uid); err != nil {
		return err
	}
	if err := st.stopElsewhere(ctx, id, m); err != nil {
		return err
	}
	m.ends = true
	st.remember(key, m)
	return nil
}

// stopMessage does it for the app.
func (st *streams) stopMessage(ctx context.Context, channel string, id ulid.ULID) error {
	if s := st.ownStream(channel, id); s != nil {
		s.stop("stopped", ErrStreamStopped)
		return nil
	}
	m, err := st.readStoppable(ctx, stoppableID{channel, id})
	if err != nil {
		return err
	}
	return st.stopElsewhere(ctx, id, m)
}

// ownStream returns the stream of a message that this node writes, or nil.
func (st *streams) ownStream(channel string, id ulid.ULID) *Stream {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s := st.byID[id]; s != nil && s.channel == channel {
		return s
	}
	return nil
}

func (st *streams) readStoppable(ctx context.Context, key stoppableID) (stoppable, error) {
	m, err := st.h.reads.keptMessage(ctx, key.channel, key.message)
	if err != nil {
		return stoppable{}, err
	}
	return stoppable{
		event: m.Event, uid: senderOf(m.Meta), streamed: m.Stream != nil, ends: !wire.IsStreamOpen(m.Stream), until: time.Now().Add(stopKept),
	}, nil
}

// stopElsewhere has all nodes know that a stream is to end.
func (st *streams) stopElsewhere(ctx context.Context, id ulid.ULID, m stoppable) error {
	switch {
	case !m.streamed:
		return refuseBecause(CodeInvalidRequest, "the message is not streamed")
	case m.ends:
		return nil
	}
	return st.channel.add(ctx, stopMark+id.String(), stopKept)
}

func (st *streams) recall(key stoppableID) (stoppable, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	m, ok := st.seen.Get(key)
	return m, ok && time.Now().Before(m.until)
}

func (st *streams) remember(key stoppableID, m stoppable) {
	key.channel = strings.Clone(key.channel) // It may be part of a large frame.
	st.mu.Lock()
	defer st.mu.Unlock()
	st.seen.Remove(key)
	st.seen.Add(key, m, stoppableSize+len(key.channel)+len(m.event)+len(m.uid))
}

// stoppableSize is what one takes in memory besides its names, roughly.
const stoppableSize = 200
