package storeredis

import (
	"context"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

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
	r, err := n.s.do(ctx, n.channelCall(reactScript, q.Channel, ck, []any{ck.reactions(at)},
		decimal(millis(q.Notice.Keep)), encodeMessage(&q.Notice), at, pack(q.Reaction.Reaction, q.Reaction.UID), value, strconv.Itoa(q.MaxReactions)))
	if err != nil {
		return store.ReactResult{}, atCapacity(notFound(err))
	}
	res := store.ReactResult{Changed: r.record.flag(), Notice: r.record.id(), Expires: timeOf(r.record.int())}
	if !res.Changed {
		return store.ReactResult{}, r.record.err()
	}
	created := r.record.int()
	stored := record{rest: r.record.next()}
	res.Reaction = store.Reaction{
		Message: q.Reaction.Message, Reaction: q.Reaction.Reaction, UID: q.Reaction.UID,
		Created: timeOf(created), UMD: stored.bytes(), Origin: stored.bytes(),
	}
	if stored.bad {
		return res, errRecord
	}
	n.acked.note(ck.part, q.Channel, res.Notice)
	return res, r.record.err()
}

// ListReactions reads the reactions of many messages in one round trip.
func (n *node) ListReactions(ctx context.Context, channel string, ids []ulid.ULID) (map[ulid.ULID][]store.Reaction, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	ck := n.s.keys.channel(channel)
	var keys []any
	var asked []ulid.ULID
	for _, id := range ids {
		if at := formatID(id); at != "" {
			keys = append(keys, ck.reactions(at))
			asked = append(asked, id)
		}
	}
	out := make(map[ulid.ULID][]store.Reaction)
	if len(keys) == 0 {
		return out, nil
	}
	r, err := n.s.do(ctx, call{script: reactionsScript, part: ck.part, keys: keys})
	if err != nil {
		return nil, err
	}
	for i, id := range asked {
		flat, err := r.list(i)
		if err != nil {
			return nil, err
		}
		list, err := decodeReactions(id, flat)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			out[id] = list
		}
	}
	return out, nil
}

func decodeReactions(message ulid.ULID, flat []string) ([]store.Reaction, error) {
	type added struct {
		notice ulid.ULID
		store.Reaction
	}
	var list []added
	for i := 0; i+1 < len(flat); i += 2 {
		name, value := record{rest: flat[i]}, record{rest: flat[i+1]}
		a := added{notice: value.id()}
		a.Reaction = store.Reaction{
			Message: message, Reaction: name.next(), UID: name.next(),
			Created: timeOf(value.int()), UMD: value.bytes(), Origin: value.bytes(),
		}
		if name.bad || value.bad {
			return nil, errRecord
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b added) int { return a.notice.Compare(b.notice) })
	out := make([]store.Reaction, len(list))
	for i, a := range list {
		out[i] = a.Reaction
	}
	return out, nil
}
