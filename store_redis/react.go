package storeredis

import (
	"context"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// reactionKeys are those of a message, as in reactions.lua.
func reactionKeys(ck *channelKeys, message string) []any {
	return []any{ck.reactions(message), ck.reactionOrder(message), ck.reactionCounts(message)}
}

// React adds or removes a reaction; the script publishes the notice.
func (n *node) React(ctx context.Context, q store.ReactRequest) (store.ReactResult, error) {
	if n.left.Load() {
		return store.ReactResult{}, errLeft
	}
	at := formatID(q.Reaction.Message)
	if at == "" {
		return store.ReactResult{}, store.ErrNotFound
	}
	ck := n.s.keys.channel(q.Channel)
	value := ""
	if !q.Remove {
		value = string(appendField(appendField(nil, q.Reaction.UMD), q.Reaction.Origin))
	}
	r, err := n.s.do(ctx, n.channelCall(reactScript, q.Channel, ck, reactionKeys(&ck, at),
		decimal(millis(q.Notice.Retention)), encodeMessage(&q.Notice), at, q.Reaction.Reaction, q.Reaction.UID, value,
		strconv.Itoa(q.MaxReactions), strconv.Itoa(q.MaxOfUser), strconv.Itoa(q.MaxDifferent)))
	if err != nil {
		return store.ReactResult{}, atCapacity(notFound(err))
	}
	res := store.ReactResult{Changed: r.record.flag(), Notice: r.record.id(), Expires: timeOf(r.record.int())}
	if !res.Changed {
		return store.ReactResult{}, r.record.err()
	}
	res.Reaction = store.Reaction{Message: q.Reaction.Message, Reaction: q.Reaction.Reaction, UID: q.Reaction.UID}
	res.Reaction.ID, res.Reaction.Created = r.record.id(), timeOf(r.record.int())
	stored := record{rest: r.record.next()}
	res.Reaction.UMD, res.Reaction.Origin = stored.bytes(), stored.bytes()
	if stored.bad {
		return res, errRecord
	}
	n.losses.note(ck.part, q.Channel, res.Notice, r.server)
	return res, r.record.err()
}

// Tallies counts the reactions to messages in one round trip.
func (n *node) Tallies(ctx context.Context, q store.TalliesRequest) ([]store.Tally, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	ck := n.s.keys.channel(q.Channel)
	tallies := make([]store.Tally, len(q.Messages))
	keys := []any{ck.state()}
	var asked []int
	for i, id := range q.Messages {
		if at := formatID(id); at != "" {
			keys = append(keys, reactionKeys(&ck, at)...)
			asked = append(asked, i)
		}
	}
	if len(asked) == 0 {
		return tallies, nil
	}
	r, err := n.s.do(ctx, call{
		script: talliesScript, part: ck.part, kind: pageReply, replySize: q.MaxBytes, keys: keys,
		args: []any{strconv.Itoa(q.First), q.UID, strconv.Itoa(q.MaxBytes)},
	})
	if err != nil {
		return nil, err
	}
	for i, at := range asked {
		if i == len(r.more) {
			return tallies[:at], nil
		}
		list, err := r.list(i)
		if err != nil || len(list) == 0 {
			return nil, errRecord
		}
		if tallies[at], err = decodeTally(q.Messages[at], list[0], list[1:]); err != nil {
			return nil, err
		}
	}
	return tallies, nil
}

func decodeTally(message ulid.ULID, counts string, flat []string) (store.Tally, error) {
	var t store.Tally
	r := record{rest: counts}
	for r.rest != "" {
		t.Counts = append(t.Counts, store.ReactionCount{Reaction: r.next(), Count: int(r.int())})
	}
	if r.bad {
		return t, errRecord
	}
	var err error
	t.Reactions, err = decodeReactions(message, flat)
	slices.SortFunc(t.Reactions, func(a, b store.Reaction) int { return a.ID.Compare(b.ID) })
	return t, err
}

// Reactions reads a page of the reactions to a message.
func (n *node) Reactions(ctx context.Context, q store.ReactionsRequest) (store.ReactionsResult, error) {
	var page store.ReactionsResult
	if n.left.Load() {
		return page, errLeft
	}
	at := formatID(q.Message)
	if at == "" {
		return page, nil
	}
	after := ""
	if !q.After.IsZero() {
		after = boundID(q.After)
	}
	ck := n.s.keys.channel(q.Channel)
	r, err := n.s.do(ctx, call{
		script: reactorsScript, part: ck.part, kind: pageReply, replySize: q.MaxBytes, keys: append(reactionKeys(&ck, at), ck.state()),
		args: []any{after, strconv.Itoa(q.Limit), strconv.Itoa(q.MaxBytes)},
	})
	if err != nil {
		return page, err
	}
	flat, err := r.list(0)
	if err != nil {
		return page, err
	}
	page.More = r.record.flag()
	page.Reactions, err = decodeReactions(q.Message, flat)
	if err == nil {
		err = r.record.err()
	}
	return page, err
}

// decodeReactions reads field and record in turn.
func decodeReactions(message ulid.ULID, flat []string) ([]store.Reaction, error) {
	var list []store.Reaction
	for i := 0; i+1 < len(flat); i += 2 {
		field, value := record{rest: flat[i]}, record{rest: flat[i+1]}
		list = append(list, store.Reaction{
			Message: message, Reaction: field.next(), UID: field.next(),
			ID: value.id(), Created: timeOf(value.int()), UMD: value.bytes(), Origin: value.bytes(),
		})
		if field.bad || value.bad {
			return nil, errRecord
		}
	}
	return list, nil
}
