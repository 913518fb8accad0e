package hotsock

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A historyQuery selects a page of a channel's history.
type historyQuery struct {
	channel string
	// oldest is an exclusive lower bound that always counts; after counts only
	// forwards and before only in reverse.
	oldest, after, before ulid.ULID
	reverse               bool
	limit                 int // at most wire.MaxPage
	// maxBytes ends the page early; the first message is always there.
	maxBytes int
	// reactors is how many of the first reactions to each message are wanted,
	// and uid whose besides.
	reactors int
	uid      string
}

// history returns a page of messages, with a tally of the
// reactions to each. It reads it piece by piece, each in the time of an
// operation.
func (sr *storeReader) history(ctx context.Context, q historyQuery) (store.HistoryResult, []store.Tally, error) {
	r := store.HistoryRequest{Channel: q.channel, After: q.oldest, Reverse: q.reverse}
	if q.reverse {
		r.Before = q.before
	} else if q.after.Compare(q.oldest) > 0 {
		r.After = q.after
	}
	page := store.HistoryResult{More: true}
	for size := 0; page.More && len(page.Messages) < q.limit && size < q.maxBytes; {
		r.Limit, r.MaxBytes = q.limit-len(page.Messages), q.maxBytes-size
		piece, err := sr.readHistory(ctx, r)
		if err != nil {
			return page, nil, err
		}
		page.Messages, page.More = append(page.Messages, piece.Messages...), piece.More
		for _, m := range piece.Messages {
			size += m.Size()
			if q.reverse {
				r.Before = m.ID
			} else {
				r.After = m.ID
			}
		}
	}
	t := store.TalliesRequest{Channel: q.channel, First: q.reactors, UID: q.uid, MaxBytes: maxPageSize}
	for _, m := range page.Messages {
		t.Messages = append(t.Messages, m.ID)
	}
	var tallies []store.Tally
	for len(t.Messages) > 0 {
		piece, err := sr.readTallies(ctx, t)
		if err != nil {
			return page, nil, err
		}
		tallies, t.Messages = append(tallies, piece...), t.Messages[len(piece):]
		if len(t.Messages) > 0 && q.maxBytes <= maxPageSize { // which the tallies alone exceed
			page.Messages, page.More = page.Messages[:len(tallies)], true
			break
		}
	}
	return page, tallies, nil
}
