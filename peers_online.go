package hotsock

import (
	"slices"
	"strings"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// What is connected and subscribed is known to each node for itself, and kept nowhere
// else: so it costs nothing until somebody asks, and what a dead node had is gone with
// it. A list of the installation is merged from the same page of each node.

// connections answers with a page of this node's connections, of one user or of all.
func (p *peers) connections(q *peerRequest) *peerAnswer {
	page := firstOf(q, func(c *connection) string { return c.id })
	p.conns.each(func(c *connection) {
		if q.UID == "" || c.uid() == q.UID {
			page.add(c)
		}
	})
	conns, last := page.result()
	a := &peerAnswer{Last: last}
	bytes := 0
	for i, c := range conns {
		described := c.online()
		bytes += len(described.UMD) + len(described.SourceIP) + len(described.UserAgent)
		if i > 0 && bytes > maxPageSize {
			a.Last = conns[i-1].id
			break
		}
		a.Connections = append(a.Connections, described)
	}
	return a
}

// online describes the connection for a list of them.
func (c *connection) online() wire.Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wire.Connection{
		ID: c.id, UID: c.uid(), UMD: c.umd, ConnectedAt: c.connected.UTC(),
		SourceIP: c.sourceIP, UserAgent: c.userAgent, Subscriptions: c.subs.Len(),
	}
}

// channels answers with a page of the channels that have subscriptions here.
func (p *peers) channels(q *peerRequest) *peerAnswer {
	page := firstOf(q, func(t *topic) string { return t.channel })
	p.hub.each(func(t *topic) {
		if strings.HasPrefix(t.channel, q.Prefix) {
			page.add(t)
		}
	})
	topics, last := page.result()
	a := &peerAnswer{Last: last}
	for _, t := range topics {
		if s, ok := t.summary(); ok {
			a.Channels = append(a.Channels, s)
		}
	}
	return a
}

// summary counts the topic's subscriptions and the channel's members, and returns
// false if there is no subscription that the store knows of.
func (t *topic) summary() (wire.ChannelSummary, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out, known := wire.ChannelSummary{Name: t.channel}, false
	for _, s := range t.subs {
		if s.position.IsZero() {
			continue
		}
		known = true
		if s.counted {
			out.Subscriptions++
		}
	}
	if t.members != nil {
		out.Members = t.members.encoded.Len()
	}
	return out, known
}

// A firstItems has the items after a cursor that come first, of any number of items
// with different keys, in time that grows with these and in memory for twice the page.
type firstItems[T any] struct {
	after string
	limit int
	key   func(T) string
	items []T
	last  string // a key beyond which there is no room, "" for none
}

func firstOf[T any](q *peerRequest, key func(T) string) *firstItems[T] {
	return &firstItems[T]{after: q.After, limit: min(max(q.Limit, 1), wire.MaxPage), key: key}
}

func (f *firstItems[T]) add(item T) {
	k := f.key(item)
	if k <= f.after || f.last != "" && k > f.last {
		return
	}
	f.items = append(f.items, item)
	if len(f.items) >= 2*f.limit {
		f.trim()
	}
}

func (f *firstItems[T]) trim() {
	slices.SortFunc(f.items, func(a, b T) int { return strings.Compare(f.key(a), f.key(b)) })
	if len(f.items) > f.limit {
		clear(f.items[f.limit:])
		f.items = f.items[:f.limit]
		f.last = f.key(f.items[f.limit-1])
	}
}

// result returns the page, sorted, and its last key if there are more.
func (f *firstItems[T]) result() (items []T, last string) {
	f.trim()
	return f.items, f.last
}

// A pageMerge makes one page of those of several nodes.
type pageMerge[T any] struct {
	limit int
	key   func(T) string
	items []T
	last  string // up to where all of the pages are complete, "" for everything
}

func (m *pageMerge[T]) add(items []T, last string) {
	m.items = append(m.items, items...)
	if last != "" && (m.last == "" || last < m.last) {
		m.last = last
	}
}

// result returns the items in order, and the cursor of the next page. Those with equal
// keys are joined.
func (m *pageMerge[T]) result(join func(into *T, other T)) (page []T, next string) {
	slices.SortStableFunc(m.items, func(a, b T) int { return strings.Compare(m.key(a), m.key(b)) })
	next = m.last
	for _, item := range m.items {
		k := m.key(item)
		if m.last != "" && k > m.last {
			break
		}
		if n := len(page); n > 0 && m.key(page[n-1]) == k {
			join(&page[n-1], item)
			continue
		}
		if len(page) == m.limit {
			return page, m.key(page[m.limit-1])
		}
		page = append(page, item)
	}
	return page, next
}
