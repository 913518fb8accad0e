package storememory

import (
	"context"
	"slices"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// reactions are those to one message.
type reactions struct {
	list   []*store.Reaction // By id, which is the order in which they were added.
	byKey  map[reactionKey]*store.Reaction
	ofUser map[string]int
	counts []store.ReactionCount
}

type reactionKey struct{ uid, reaction string }

func keyOf(r *store.Reaction) reactionKey { return reactionKey{r.UID, r.Reaction} }

// React implements [store.Reactions].
func (n *node) React(ctx context.Context, r store.ReactRequest) (store.ReactResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.ReactResult{}, err
	}
	c := n.store.lockIfAny(r.Channel)
	if c == nil {
		return store.ReactResult{}, store.ErrNotFound
	}
	defer c.unlock()
	now := clock()
	kept := c.has().kept.find(r.Reaction.Message, now)
	if kept == nil {
		return store.ReactResult{}, store.ErrNotFound
	}
	there := kept.reaction(&r.Reaction)
	switch {
	case r.Remove == (there == nil):
		return store.ReactResult{}, nil
	case !r.Remove && kept.full(&r):
		return store.ReactResult{}, store.ErrCapacity
	}
	result := store.ReactResult{
		Changed: true,
		Notice:  c.publish(now, &r.Notice).ID,
		Expires: kept.message.Expires,
	}
	if r.Remove {
		kept.removeReaction(there)
		result.Reaction = *there
		return result, nil
	}
	r.Reaction.ID, r.Reaction.Created = result.Notice, now
	result.Reaction = r.Reaction
	kept.addReaction(&r.Reaction)
	return result, nil
}

// reaction returns the one that is there already, or nil.
func (k *keptMessage) reaction(r *store.Reaction) *store.Reaction {
	if k.reactions == nil {
		return nil
	}
	return k.reactions.byKey[keyOf(r)]
}

// full reports whether a reaction would be one too many.
func (k *keptMessage) full(r *store.ReactRequest) bool {
	if k.reactions == nil {
		return false
	}
	reached := func(n, most int) bool { return most > 0 && n >= most }
	return reached(len(k.reactions.list), r.MaxReactions) ||
		reached(k.reactions.ofUser[r.Reaction.UID], r.MaxOfUser) ||
		reached(len(k.reactions.counts), r.MaxDifferent) && k.reactions.count(r.Reaction.Reaction) < 0
}

// count returns the index of a reaction's count, or -1.
func (rs *reactions) count(reaction string) int {
	return slices.IndexFunc(rs.counts, func(c store.ReactionCount) bool { return c.Reaction == reaction })
}

// addReaction adds one that is not there, and newer than all others.
func (k *keptMessage) addReaction(r *store.Reaction) {
	rs := k.reactions
	if rs == nil {
		rs = &reactions{byKey: make(map[reactionKey]*store.Reaction), ofUser: make(map[string]int)}
		k.reactions = rs
	}
	rs.list = append(rs.list, r)
	rs.byKey[keyOf(r)] = r
	rs.ofUser[r.UID]++
	if i := rs.count(r.Reaction); i >= 0 {
		rs.counts[i].Count++
	} else {
		rs.counts = append(rs.counts, store.ReactionCount{Reaction: r.Reaction, Count: 1})
	}
}

func (k *keptMessage) removeReaction(r *store.Reaction) {
	rs := k.reactions
	if len(rs.list) == 1 {
		k.reactions = nil
		return
	}
	i := rs.after(r.ID)
	rs.list = slices.Delete(rs.list, i-1, i)
	delete(rs.byKey, keyOf(r))
	if rs.ofUser[r.UID]--; rs.ofUser[r.UID] == 0 {
		delete(rs.ofUser, r.UID)
	}
	i = rs.count(r.Reaction)
	if rs.counts[i].Count--; rs.counts[i].Count == 0 {
		rs.counts = slices.Delete(rs.counts, i, i+1)
	}
}

// after returns the index of the first reaction after id.
func (rs *reactions) after(id ulid.ULID) int {
	i, found := slices.BinarySearchFunc(rs.list, id, func(r *store.Reaction, id ulid.ULID) int { return r.ID.Compare(id) })
	if found {
		i++
	}
	return i
}

// countSize is what a count takes besides its reaction, and reactionSize what a
// reaction takes besides its texts, of the bytes that a caller wants at most.
const (
	countSize    = 16
	reactionSize = 64
)

func sizeOfReaction(r *store.Reaction) int {
	return reactionSize + len(r.Reaction) + len(r.UID) + len(r.UMD) + len(r.Origin)
}

// Tallies implements [store.Reactions].
func (n *node) Tallies(ctx context.Context, t store.TalliesRequest) ([]store.Tally, error) {
	if err := n.usable(ctx); err != nil {
		return nil, err
	}
	tallies := make([]store.Tally, 0, len(t.Messages))
	c := n.store.lockIfAny(t.Channel)
	if c == nil {
		return tallies[:len(t.Messages)], nil
	}
	defer c.mu.Unlock()
	now := clock()
	size := 0
	for i, id := range t.Messages {
		var tally store.Tally
		if kept := c.has().kept.find(id, now); kept != nil && kept.reactions != nil {
			var bytes int
			if tally, bytes = kept.reactions.tally(&t); i > 0 && size+bytes > t.MaxBytes {
				break
			}
			size += bytes
		}
		tallies = append(tallies, tally)
	}
	return tallies, nil
}

// tally returns what a request asks for of one message, and its size.
func (rs *reactions) tally(t *store.TalliesRequest) (tally store.Tally, size int) {
	tally.Counts = slices.Clone(rs.counts)
	for _, c := range tally.Counts {
		size += countSize + len(c.Reaction)
	}
	if t.First == 0 {
		return tally, size
	}
	first := rs.list[:min(t.First, len(rs.list))]
	for _, r := range append(slices.Clone(first), rs.own(t.UID, len(first))...) {
		tally.Reactions = append(tally.Reactions, *r)
		size += sizeOfReaction(r)
	}
	return tally, size
}

// own returns a user's reactions that are not among the first.
func (rs *reactions) own(uid string, first int) []*store.Reaction {
	if rs.ofUser[uid] == 0 || first == len(rs.list) {
		return nil
	}
	last := rs.list[first-1].ID
	var own []*store.Reaction
	for _, c := range rs.counts {
		if r := rs.byKey[reactionKey{uid, c.Reaction}]; r != nil && r.ID.Compare(last) > 0 {
			own = append(own, r)
		}
	}
	slices.SortFunc(own, func(a, b *store.Reaction) int { return a.ID.Compare(b.ID) })
	return own
}

// Reactions implements [store.Reactions].
func (n *node) Reactions(ctx context.Context, l store.ReactionsRequest) (store.ReactionsResult, error) {
	var page store.ReactionsResult
	if err := n.usable(ctx); err != nil {
		return page, err
	}
	c := n.store.lockIfAny(l.Channel)
	if c == nil {
		return page, nil
	}
	defer c.mu.Unlock()
	kept := c.has().kept.find(l.Message, clock())
	if kept == nil || kept.reactions == nil {
		return page, nil
	}
	size := 0
	for _, r := range kept.reactions.list[kept.reactions.after(l.After):] {
		size += sizeOfReaction(r)
		if n := len(page.Reactions); n == l.Limit || n > 0 && size > l.MaxBytes {
			page.More = true
			break
		}
		page.Reactions = append(page.Reactions, *r)
	}
	return page, nil
}
