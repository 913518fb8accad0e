package simplestore

import (
	"context"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// reactions are those to one message, in the order in which they were added.
type reactions struct {
	list   []store.Reaction
	counts []store.ReactionCount
}

// React implements [store.Reactions].
func (n *node) React(ctx context.Context, q store.ReactRequest) (store.ReactResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.ReactResult{}, err
	}
	defer n.store.mu.Unlock()
	now, c := time.Now(), n.store.channel(q.Channel)
	r := c.listed(now, q.Reaction.Message)
	if r == nil {
		return store.ReactResult{}, store.ErrNotFound
	}
	rs := &r.reactions
	i := slices.IndexFunc(rs.list, func(x store.Reaction) bool {
		return x.UID == q.Reaction.UID && x.Reaction == q.Reaction.Reaction
	})
	switch {
	case q.Remove == (i < 0):
		return store.ReactResult{}, nil
	case !q.Remove && rs.full(&q):
		return store.ReactResult{}, store.ErrCapacity
	}
	res := store.ReactResult{Changed: true, Notice: c.publish(now, &q.Notice).ID, Expires: r.message.Expires}
	if q.Remove {
		res.Reaction = rs.list[i]
		rs.list = slices.Delete(rs.list, i, i+1)
		rs.count(q.Reaction.Reaction, -1)
		return res, nil
	}
	res.Reaction = q.Reaction
	res.Reaction.ID, res.Reaction.Created = res.Notice, now
	rs.list = append(rs.list, res.Reaction)
	rs.count(q.Reaction.Reaction, 1)
	return res, nil
}

// listed returns the record of a message that is in the history, or nil.
func (c *channel) listed(now time.Time, id ulid.ULID) *record {
	for _, r := range c.log {
		if r.id == id && r.listed(now) {
			return r
		}
	}
	return nil
}

// count changes the count of a reaction.
func (rs *reactions) count(reaction string, by int) {
	i := rs.find(reaction)
	if i < 0 {
		i = len(rs.counts)
		rs.counts = append(rs.counts, store.ReactionCount{Reaction: reaction})
	}
	if rs.counts[i].Count += by; rs.counts[i].Count == 0 {
		rs.counts = slices.Delete(rs.counts, i, i+1)
	}
}

// find returns the index of a reaction's count, or -1.
func (rs *reactions) find(reaction string) int {
	return slices.IndexFunc(rs.counts, func(c store.ReactionCount) bool { return c.Reaction == reaction })
}

// full reports whether one more would exceed a bound of the request.
func (rs *reactions) full(q *store.ReactRequest) bool {
	reached := func(n, bound int) bool { return bound > 0 && n >= bound }
	return reached(len(rs.list), q.MaxReactions) ||
		reached(len(rs.of(q.Reaction.UID)), q.MaxOfUser) ||
		reached(len(rs.counts), q.MaxDifferent) && rs.find(q.Reaction.Reaction) < 0
}

// of returns the reactions of a user.
func (rs *reactions) of(uid string) (list []store.Reaction) {
	for _, x := range rs.list {
		if x.UID == uid {
			list = append(list, x)
		}
	}
	return list
}

// reactionSize is about what a reaction takes.
func reactionSize(x *store.Reaction) int {
	return 64 + len(x.Reaction) + len(x.UID) + len(x.UMD) + len(x.Origin)
}

// Tallies implements [store.Reactions].
func (n *node) Tallies(ctx context.Context, q store.TalliesRequest) ([]store.Tally, error) {
	if err := n.lock(ctx); err != nil {
		return nil, err
	}
	defer n.store.mu.Unlock()
	now, c, size := time.Now(), n.store.channel(q.Channel), 0
	var tallies []store.Tally
	for _, id := range q.Messages {
		var t store.Tally
		if r := c.listed(now, id); r != nil {
			t = r.reactions.tally(q.First, q.UID)
		}
		for i := range t.Reactions {
			size += reactionSize(&t.Reactions[i])
		}
		for _, count := range t.Counts {
			size += len(count.Reaction) + 16
		}
		if len(tallies) > 0 && size > q.MaxBytes {
			break
		}
		tallies = append(tallies, t)
	}
	return tallies, nil
}

// tally counts, and has the first reactions and then a user's others.
func (rs *reactions) tally(first int, uid string) store.Tally {
	first = min(first, len(rs.list))
	t := store.Tally{Counts: slices.Clone(rs.counts), Reactions: slices.Clone(rs.list[:first])}
	for _, x := range rs.list[first:] {
		if first > 0 && uid != "" && x.UID == uid {
			t.Reactions = append(t.Reactions, x)
		}
	}
	return t
}

// Reactions implements [store.Reactions].
func (n *node) Reactions(ctx context.Context, q store.ReactionsRequest) (store.ReactionsResult, error) {
	var res store.ReactionsResult
	if err := n.lock(ctx); err != nil {
		return res, err
	}
	defer n.store.mu.Unlock()
	r := n.store.channel(q.Channel).listed(time.Now(), q.Message)
	if r == nil {
		return res, nil
	}
	size := 0
	for _, x := range r.reactions.list {
		if x.ID.Compare(q.After) <= 0 {
			continue
		}
		size += reactionSize(&x)
		if got := len(res.Reactions); got == q.Limit || got > 0 && size > q.MaxBytes {
			res.More = true
			break
		}
		res.Reactions = append(res.Reactions, x)
	}
	return res, nil
}
