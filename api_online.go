package hotsock

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// A Connection is a client that is connected, on whichever node.
type Connection struct {
	ID string
	// UID and UMD are the user's, "" and nil for none. On a channel, a subscribe
	// token may say something else.
	UID string
	UMD json.RawMessage
	// ConnectedAt is by the clock of the node that has the connection.
	ConnectedAt time.Time
	// SourceIP is what [Options.ClientIP] said, UserAgent at most 256 bytes of the
	// header.
	SourceIP, UserAgent string
	// SubscriptionsCount counts all channels of the connection.
	SubscriptionsCount int
}

// A ConnectionQuery selects a page of the connections.
type ConnectionQuery struct {
	// UID is the user whose connections are wanted; "" means all connections, also
	// those without a user.
	UID string
	// After is the Next of the page before; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// Connections returns a page of what is connected, in the order of the ids, which is
// no order in time. A connection that begins or ends meanwhile may be in it or not.
//
// Every node is asked, and looks through its own connections; the store keeps nothing
// for it. So a call costs each node about a millisecond for 20,000 connections, and
// Redis two messages for each other node. What a node held that died is not there. If
// some nodes did not answer, the error, an [*Error], says so, and the page lacks what
// they have: that is so while a node is dead and not found to be, for
// [Options.NodeTimeout].
func (h *Handler) Connections(ctx context.Context, q ConnectionQuery) (Page[Connection], error) {
	conns, next, err := h.peers.connectionPage(ctx, q)
	out := Page[Connection]{Next: next}
	for _, c := range conns {
		out.Items = append(out.Items, Connection{
			ID: c.ID, UID: c.UID, UMD: c.UMD, ConnectedAt: c.ConnectedAt,
			SourceIP: c.SourceIP, UserAgent: c.UserAgent, SubscriptionsCount: c.Subscriptions,
		})
	}
	return out, err
}

func (p *peers) connectionPage(ctx context.Context, q ConnectionQuery) (page []wire.Connection, next string, err error) {
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, "", err
	}
	if !isPart(q.UID, protocol.MaxUID) || !isPart(q.After, randomLength+maxNodeID) {
		return nil, "", refuseBecause(CodeInvalidRequest, "the user id or After is longer than one can be, or not UTF-8")
	}
	m := pageMerge[wire.Connection]{limit: limit, key: func(c wire.Connection) string { return c.ID }}
	err = p.askEach(ctx, &peerRequest{Op: peerConnections, UID: q.UID, After: q.After, Limit: limit}, func(a *peerAnswer) {
		m.add(a.Connections, a.Last)
	})
	page, next = m.result(func(*wire.Connection, wire.Connection) {}) // ids are unique
	bytes := 0
	for i, c := range page {
		if bytes += len(c.UMD); i > 0 && bytes > maxPageSize {
			page, next = page[:i], page[i-1].ID
			break
		}
	}
	return page, next, hostError(err)
}

// isPart reports whether a text can be a part of what has at most that many
// characters. It is sent to every node, as JSON, which changes what is not UTF-8.
func isPart(text string, most int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most
}

// Online returns how many connections each of the users has, for up to 1,000 users.
// Those who have none are left out:
//
//	online, err := rt.Online(ctx, "jim", "pam")
//	if online["jim"] > 0 {
//
// A user who is somebody only by a subscribe token, on a channel, does not count. The
// costs and errors are those of [Handler.Connections].
func (h *Handler) Online(ctx context.Context, uids ...string) (map[string]int, error) {
	if len(uids) > maxOnline {
		return nil, refuseBecause(CodeInvalidRequest, fmt.Sprintf("more than %d users at once", maxOnline))
	}
	online := make(map[string]int)
	if len(uids) == 0 {
		return online, nil
	}
	err := h.peers.askEach(ctx, &peerRequest{Op: peerOnline, UIDs: uids}, func(a *peerAnswer) {
		for uid, n := range a.Online {
			online[uid] += n
		}
	})
	return online, hostError(err)
}

// A ChannelSummary says how much there is on a channel.
type ChannelSummary struct {
	Name string
	// SubscriptionsCount is as in [ChannelInfo].
	SubscriptionsCount int
	// MembersCount is 0 if it is no presence channel.
	MembersCount int
}

// A ChannelQuery selects a page of the channels.
type ChannelQuery struct {
	// Prefix is how the names begin; "" means all.
	Prefix string
	// After is the Next of the page before; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// Channels returns a page of the channels that have subscriptions, in the order of
// their names. Channels on which only something is stored are not among them. A page
// may have fewer channels than its Limit, even none, and be followed by another.
//
// The costs and errors are those of [Handler.Connections]; a node counts the
// subscriptions of the page's channels one by one.
func (h *Handler) Channels(ctx context.Context, q ChannelQuery) (Page[ChannelSummary], error) {
	channels, next, err := h.peers.channelPage(ctx, q)
	out := Page[ChannelSummary]{Next: next}
	for _, c := range channels {
		out.Items = append(out.Items, ChannelSummary{Name: c.Name, SubscriptionsCount: c.Subscriptions, MembersCount: c.Members})
	}
	return out, err
}

func (p *peers) channelPage(ctx context.Context, q ChannelQuery) (page []wire.ChannelSummary, next string, err error) {
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, "", err
	}
	if !isPart(q.Prefix, protocol.MaxChannel) || !isPart(q.After, protocol.MaxChannel) {
		return nil, "", refuseBecause(CodeInvalidRequest, "the prefix or After is longer than a channel's name can be, or not UTF-8")
	}
	m := pageMerge[wire.ChannelSummary]{limit: limit, key: func(c wire.ChannelSummary) string { return c.Name }}
	err = p.askEach(ctx, &peerRequest{Op: peerChannels, Prefix: q.Prefix, After: q.After, Limit: limit}, func(a *peerAnswer) {
		m.add(a.Channels, a.Last)
	})
	page, next = m.result(func(into *wire.ChannelSummary, other wire.ChannelSummary) {
		into.Subscriptions += other.Subscriptions
		into.Members = max(into.Members, other.Members) // each node knows all of them
	})
	return page, next, hostError(err)
}
