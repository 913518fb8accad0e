package storeredis

import (
	"context"
	"strconv"
	"time"
)

// lingerFormat is the format from which on nodes know members who linger.
const lingerFormat = 3

// graceArgs are what scripts take to have members linger: the grace in ms, and which
// node on which partition has to hear of it. Nobody lingers while a node of an older
// version shares the work, for it could be the last one that is left. What was known
// last of the versions is good enough after Redis was away: until then, the members
// that linger are removed by any node that knows them (see [heartbeat.removesMembers]).
func (n *node) graceArgs(p int, grace time.Duration) []any {
	ms := "0"
	if a := n.heartbeat.assigned.Load(); a != nil && a.formats.oldest >= lingerFormat && grace > 0 {
		ms = strconv.FormatInt(max(1, millis(grace)), 10)
	}
	return []any{ms, n.s.whoMaintains(p), strconv.Itoa(p)}
}

// removesMembers reports whether this node removes from a partition the members whose
// grace is over: those of its own partitions, and of all while nodes of an older version,
// which do not, share the work.
func (h *heartbeat) removesMembers(p int) bool {
	a := h.assigned.Load().current()
	return h.maintains(p) || a.formats.oldest < lingerFormat
}

// removeMembers removes members of a partition whose grace is over, unless they have
// come back, and reports them. Each is a record of channel, uid.
func (n *node) removeMembers(ctx context.Context, p int, lingered []string) {
	byChannel := make(map[string][]any)
	for _, text := range lingered {
		r := record{rest: text}
		channel, uid := r.next(), r.next()
		if r.bad {
			n.s.log.Error("malformed member", "partition", p)
			continue
		}
		byChannel[channel] = append(byChannel[channel], uid)
	}
	none := []any{"0", "0", "0", "", ""} // of the subscriptions
	for channel, uids := range byChannel {
		ck := n.s.keys.channel(channel)
		r, err := n.take(ctx, false, n.memberCall(sweepScript, channel, ck, "", n.o.MaxListedSize, append(none, uids...)...))
		if err != nil {
			n.s.log.Debug("removing members failed, trying again", "err", err)
			return
		}
		_ = r.record.next()
		ends, err := decodeEnds(channel, r)
		if err != nil {
			n.s.log.Error("malformed reply", "script", sweepScript.name)
			return
		}
		for i := range ends {
			n.report(p, func() { n.r.MemberRemoved(channel, *ends[i].Change) })
		}
	}
}
