package hotsock

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// readRewind reads the newest kept messages up to a position, from the oldest to the
// newest: those that the client wants, that it may list, and that it may be sent at once.
// It reports whether there are more of those that it wants. What the client has named
// it has seen, and so what was before that.
func (c *connection) readRewind(s *subscription, req *subscribeRequest, position ulid.ULID) (messages []*store.Message, more bool, err error) {
	r := store.HistoryRequest{Channel: s.channel, After: oldestReadable(s.perms(), s.from), Reverse: true, MaxBytes: firstReplayPage}
	_, r.Before = neighbors(position)
	if req.after.Compare(position) <= 0 { // else it is of another history
		r.After = later(r.After, req.after)
	}
	if seconds := req.rewind.Seconds; seconds > 0 {
		r.After = later(r.After, before(time.Now().Add(-time.Duration(seconds)*time.Second)))
	}
	if r.After.Compare(position) >= 0 {
		return nil, false, nil
	}
	limit, room := req.rewind.Messages, min(maxRewindBytes, c.sock.Room())
	if limit == 0 {
		limit = wire.MaxRewind
	}
	var release func() // nil while it is little
	for size := 0; ; r.MaxBytes = replayPage {
		r.Limit, r.MaxBytes = limit-len(messages), min(r.MaxBytes, room-size)
		if r.Limit < 1 || r.MaxBytes < 1 || c.replayTimedOut {
			more = true
			break
		}
		page, err := c.h.reads.readHistory(c.h.ctx, r)
		if errors.Is(err, context.DeadlineExceeded) {
			c.replayTimedOut = true
			continue
		}
		if err != nil {
			return nil, false, err
		}
		for _, m := range page.Messages {
			if size += m.Size(); size > room {
				break
			}
			messages, r.Before = append(messages, m), m.ID
		}
		if more = page.More || size > room; !more {
			break
		}
		if release == nil {
			if release = c.h.catchUps.acquire(c.h.ctx); release == nil {
				return nil, true, nil
			}
			defer release()
		}
	}
	slices.Reverse(messages)
	return messages, more, nil
}

func later(a, b ulid.ULID) ulid.ULID {
	if a.Compare(b) > 0 {
		return a
	}
	return b
}

// rewound notes what the client is sent because it asked for a rewind.
func (snap *snapshot) rewound(messages []*store.Message, more bool) {
	snap.missed, snap.Rewound = messages, &wire.Rewound{Messages: len(messages), More: more}
}

// shorten leaves out messages: all that were missed, or the older half of those that
// were rewound.
func (snap *snapshot) shorten() {
	half := (len(snap.missed) + 1) / 2
	if snap.Recovered == wire.RecoveryDone {
		snap.Recovered, half = wire.RecoveryFailed, len(snap.missed)
	}
	if snap.missed = snap.missed[half:]; snap.rewinds {
		snap.rewound(snap.missed, true)
	}
}
