package storememory

import (
	"container/list"
	"context"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// reactions are those to one message, in the order in which they were added.
type reactions struct {
	order list.List // Of store.Reaction.
	byKey map[reactionKey]*list.Element
}

type reactionKey struct{ uid, reaction string }

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
	var changed bool
	if r.Remove {
		r.Reaction, changed = kept.removeReaction(r.Reaction)
	} else {
		if kept.full(&r) {
			return store.ReactResult{}, store.ErrCapacity
		}
		r.Reaction.Created = now
		changed = kept.addReaction(r.Reaction)
	}
	if !changed {
		return store.ReactResult{}, nil
	}
	return store.ReactResult{
		Changed:  true,
		Notice:   c.publish(now, &r.Notice).ID,
		Reaction: r.Reaction,
		Expires:  kept.message.Expires,
	}, nil
}

// full reports whether a reaction would be one too many.
func (k *keptMessage) full(r *store.ReactRequest) bool {
	if r.MaxReactions == 0 || k.reactions == nil || len(k.reactions.byKey) < r.MaxReactions {
		return false
	}
	return k.reactions.byKey[reactionKey{r.Reaction.UID, r.Reaction.Reaction}] == nil
}

func (k *keptMessage) addReaction(r store.Reaction) bool {
	if k.reactions == nil {
		k.reactions = &reactions{byKey: make(map[reactionKey]*list.Element)}
	}
	key := reactionKey{r.UID, r.Reaction}
	if k.reactions.byKey[key] != nil {
		return false
	}
	k.reactions.byKey[key] = k.reactions.order.PushBack(r)
	return true
}

func (k *keptMessage) removeReaction(r store.Reaction) (removed store.Reaction, ok bool) {
	if k.reactions == nil {
		return removed, false
	}
	key := reactionKey{r.UID, r.Reaction}
	e := k.reactions.byKey[key]
	if e == nil {
		return removed, false
	}
	removed = k.reactions.order.Remove(e).(store.Reaction)
	delete(k.reactions.byKey, key)
	if len(k.reactions.byKey) == 0 {
		k.reactions = nil
	}
	return removed, true
}

// ListReactions implements [store.Reactions].
func (n *node) ListReactions(ctx context.Context, channel string, ids []ulid.ULID) (map[ulid.ULID][]store.Reaction, error) {
	if err := n.usable(ctx); err != nil {
		return nil, err
	}
	found := make(map[ulid.ULID][]store.Reaction)
	c := n.store.lockIfAny(channel)
	if c == nil {
		return found, nil
	}
	defer c.mu.Unlock()
	now := clock()
	for _, id := range ids {
		kept := c.has().kept.find(id, now)
		if kept == nil || kept.reactions == nil || found[id] != nil {
			continue
		}
		all := make([]store.Reaction, 0, kept.reactions.order.Len())
		for e := kept.reactions.order.Front(); e != nil; e = e.Next() {
			all = append(all, e.Value.(store.Reaction))
		}
		found[id] = all
	}
	return found, nil
}
