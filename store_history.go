package hotsock

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A historyQuery selects a page of a channel's history.
type historyQuery struct {
	channel       string
	after, before ulid.ULID // exclusive, zero for none
	reverse       bool
	event         string // "" for all
	limit         int    // at most wire.MaxPage
	// maxBytes ends the page early; the first message is always there.
	maxBytes int
	// reactors is how many of the first reactions to each message are wanted,
	// and uid whose besides.
	reactors int
	uid      string
}

// A historyPage is a part of a channel's history.
type historyPage struct {
	messages []*store.Message
	tallies  []store.Tally // of the reactions to each
	more     bool
	// last is where the next page begins, if there may be more.
	last ulid.ULID
}

// history returns a page of messages, with a tally of the reactions to each. It reads
// it piece by piece, each in the time of an operation.
func (sr *storeReader) history(ctx context.Context, q historyQuery) (historyPage, error) {
	r := store.HistoryRequest{Channel: q.channel, After: q.after, Before: q.before, Reverse: q.reverse}
	page := historyPage{more: true}
	passed := 0 // bytes of other events
	for size := 0; page.more && len(page.messages) < q.limit && size < q.maxBytes && passed < maxFiltered; {
		r.Limit, r.MaxBytes = q.limit-len(page.messages), q.maxBytes-size
		if q.event != "" {
			r.Limit = wire.MaxPage
		}
		piece, err := sr.readHistory(ctx, r)
		if err != nil {
			return page, err
		}
		page.more = piece.More
		for _, m := range piece.Messages {
			page.last = m.ID
			if q.event != "" && m.Event != q.event {
				passed += m.Size()
				continue
			}
			page.messages = append(page.messages, m)
			if size += m.Size(); len(page.messages) == q.limit {
				page.more = page.more || m != piece.Messages[len(piece.Messages)-1]
				break
			}
		}
		if q.reverse {
			r.Before = page.last
		} else {
			r.After = page.last
		}
	}
	return page, sr.addTallies(ctx, &q, &page)
}

// addTallies adds the tallies, and leaves out messages for which there is no room.
func (sr *storeReader) addTallies(ctx context.Context, q *historyQuery, page *historyPage) error {
	t := store.TalliesRequest{Channel: q.channel, First: q.reactors, UID: q.uid, MaxBytes: maxPageSize}
	for _, m := range page.messages {
		t.Messages = append(t.Messages, m.ID)
	}
	for len(t.Messages) > 0 {
		piece, err := sr.readTallies(ctx, t)
		if err != nil {
			return err
		}
		page.tallies, t.Messages = append(page.tallies, piece...), t.Messages[len(piece):]
		if len(t.Messages) > 0 && q.maxBytes <= maxPageSize { // which the tallies alone exceed
			page.messages, page.more = page.messages[:len(page.tallies)], true
			page.last = page.messages[len(page.messages)-1].ID
			break
		}
	}
	return nil
}
