package simplestore

import (
	"context"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A record is an item in the log.
type record struct {
	id      ulid.ULID
	before  ulid.ULID      // the item before it
	message *store.Message // nil for a change of presence or storage
	// kept says that the message has a retention.
	kept bool
	// until is when the record may go, zero for never. It is brief if that is
	// when its replay window ends, and not a retention.
	until     time.Time
	brief     bool
	reactions reactions
	// replaced is how often a message had been edited when an update replaced its data
	// last, and replacedBy the notice of that.
	replaced   int64
	replacedBy ulid.ULID
	// appended returns the data of an append's notice, nil if it is not in its message any
	// more. It is nil for all else.
	appended func(now time.Time) []byte
}

// A duplicate is a deduplication id that was used.
type duplicate struct {
	message ulid.ULID
	until   time.Time
}

// Publish implements [store.Messages].
func (n *node) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.PublishResult{}, err
	}
	defer n.store.mu.Unlock()
	return n.store.channel(p.Channel).publish(time.Now(), &p), nil
}

func (c *channel) publish(now time.Time, p *store.PublishRequest) store.PublishResult {
	if d, ok := c.duplicates[p.DedupID]; ok && now.Before(d.until) {
		return store.PublishResult{ID: d.message, Duplicate: true}
	}
	m := &store.Message{
		ID: c.nextID(now), Channel: c.name, Event: p.Event, Data: p.Data, Meta: p.Meta, Trace: p.Trace, Origin: p.Origin,
		Stream: p.Stream,
	}
	if p.DedupID != "" {
		c.duplicates[p.DedupID] = duplicate{m.ID, now.Add(p.DedupFor)}
	}
	if p.Retention > 0 {
		m.Expires = now.Add(p.Retention)
	}
	window := c.store.options.ReplayWindow
	r := &record{message: m, kept: p.Retention != 0, until: m.Expires}
	if p.Retention != store.Forever && p.Retention <= window {
		r.brief, r.until = true, now.Add(window)
	}
	c.append(now, &store.Item{ID: m.ID, Channel: c.name, Exclude: p.Exclude, Message: m}, r)
	return store.PublishResult{ID: m.ID}
}

// listed reports whether a record is in the history.
func (r *record) listed(now time.Time) bool {
	return r.kept && (r.message.Expires.IsZero() || now.Before(r.message.Expires))
}

// History implements [store.Messages].
func (n *node) History(ctx context.Context, h store.HistoryRequest) (store.HistoryResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.HistoryResult{}, err
	}
	defer n.store.mu.Unlock()
	now := time.Now()
	p := page{limit: h.Limit, maxBytes: h.MaxBytes}
	log := slices.Clone(n.store.channel(h.Channel).log)
	if h.Reverse {
		slices.Reverse(log)
	}
	for _, r := range log {
		wanted := r.id.Compare(h.After) > 0 && (h.Before.IsZero() || r.id.Compare(h.Before) < 0)
		if wanted && r.listed(now) && !p.add(r.message) {
			break
		}
	}
	return store.HistoryResult{Messages: p.messages, More: p.more}, nil
}

// Count implements [store.Messages].
func (n *node) Count(ctx context.Context, q store.CountRequest) (int, error) {
	if err := n.lock(ctx); err != nil {
		return 0, err
	}
	defer n.store.mu.Unlock()
	now, count := time.Now(), 0
	for _, r := range n.store.channel(q.Channel).log {
		if r.id.Compare(q.After) > 0 && r.listed(now) {
			count++
		}
	}
	return min(count, q.Limit), nil
}

// A page takes messages up to its bounds.
type page struct {
	limit, maxBytes int
	messages        []*store.Message
	size            int
	more            bool
}

// add returns false if the message does not fit. The first one always does.
func (p *page) add(m *store.Message) bool {
	p.size += m.Size()
	if n := len(p.messages); n == p.limit || n > 0 && p.size > p.maxBytes {
		p.more = true
		return false
	}
	p.messages = append(p.messages, m)
	return true
}

// Replay implements [store.Messages].
func (n *node) Replay(ctx context.Context, q store.ReplayRequest) (store.ReplayResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.ReplayResult{}, err
	}
	defer n.store.mu.Unlock()
	now := time.Now()
	c := n.store.channel(q.Channel)
	c.trim(now)
	if !c.knows(q.After) || c.lost.Compare(q.After) > 0 {
		return store.ReplayResult{}, nil
	}
	p := page{limit: q.Limit, maxBytes: q.MaxBytes}
	for _, r := range c.log {
		wanted := r.message != nil && r.id.Compare(q.After) > 0 && r.id.Compare(q.Until) <= 0
		m := r.message
		if wanted && r.appended != nil {
			notice := *m
			notice.Data = r.appended(now)
			m, wanted = &notice, notice.Data != nil
		}
		if wanted && !p.add(m) {
			break
		}
	}
	return store.ReplayResult{Complete: true, Messages: p.messages, More: p.more}, nil
}

// knows reports whether an id was given out in this channel, as an item or as a
// position.
func (c *channel) knows(id ulid.ULID) bool {
	if id.IsZero() {
		return false
	}
	return id == c.newest || id == c.origin || id == c.dropped ||
		slices.ContainsFunc(c.log, func(r *record) bool { return r.id == id || r.kept && r.before == id })
}

// trim drops records whose time is over, and the oldest of too many brief ones. A
// message and a change do not compete for room.
func (c *channel) trim(now time.Time) {
	room := map[bool]int{true: c.store.options.ReplayLimit, false: c.store.options.ReplayLimit}
	for i, r := range slices.Backward(c.log) {
		over := !r.until.IsZero() && !now.Before(r.until)
		if r.brief && !over {
			over = room[r.message != nil] == 0 && !r.listed(now)
			room[r.message != nil] = max(0, room[r.message != nil]-1)
		}
		if !over {
			continue
		}
		c.log = slices.Delete(c.log, i, i+1)
		if r.id.Compare(c.dropped) > 0 {
			c.dropped = r.id
		}
		if r.brief && r.message != nil && r.id.Compare(c.lost) > 0 {
			c.lost = r.id
		}
	}
}
