package storeredis

import (
	"context"
	"strconv"
)

// clean removes what has expired in a channel, some of it at a time.
func (n *node) clean(ctx context.Context, channel string) {
	ck := n.s.keys.channel(channel)
	for more := true; more; {
		r, err := n.s.do(ctx, n.channelCall(cleanScript, channel, ck, n.entryKeys(ck)))
		if err != nil {
			n.s.log.Debug("cleaning failed, trying again", "err", err)
			return
		}
		more = r.record.flag()
	}
}

// reportExpired takes the expired entries that are to be reported, some at a
// time.
func (n *node) reportExpired(ctx context.Context, p int) {
	for more := true; more && ctx.Err() == nil; {
		r, err := n.take(ctx, false, call{
			script: expiredScript, part: p, keys: []any{n.s.keys.expired(p)}, args: []any{strconv.Itoa(maintenanceBatch), strconv.Itoa(readBytes)},
		})
		if err != nil {
			return
		}
		taken, err := fields(r.record.rest)
		if err != nil {
			n.s.log.Error("malformed reply", "script", expiredScript.name)
		}
		for _, text := range taken {
			rec := record{rest: text}
			channel := rec.next()
			e, err := decodeEntry(channel, rec.rest)
			if rec.bad || err != nil {
				n.s.log.Error("malformed entry", "err", err)
				continue
			}
			n.report(partOf(channel), func() { n.r.EntryExpired(*e) })
		}
		more = len(taken) > 0
	}
}
