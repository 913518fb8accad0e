package main

import "time"

type chanState struct {
	subs    int
	msgs    []msgState // by sequence number
	arrived uint32     // how many of them
}

// msgState checks order: concurrent publishes may be ordered either way, but for
// all subscribers alike. A message's position is its place in the order of first
// arrivals, so positions must rise on each connection.
type msgState struct {
	position uint32 // 0 is not arrived
	waits    int32  // for this many deliveries, and the response
}

type msgID struct {
	ch  int
	seq uint32
}

// message finds what was published in what a subscriber receives.
func (l *loop) message(c *wsConn, msg []byte, now time.Duration) {
	if l.cfg.via == "join" {
		l.members(c, msg, now)
		return
	}
	for {
		sent, ch, seq, rest, ok := nextStamp(msg)
		if !ok {
			return
		}
		msg = rest
		l.arrive(c, msgID{ch, seq}, now, sent)
	}
}

// members does the same with joins and leaves, which carry no stamp: whose it is
// tells which, since a joiner does the next thing only when all have learned of
// the last one.
func (l *loop) members(c *wsConn, msg []byte, now time.Duration) {
	for {
		who, joined, rest, ok := l.proto.(talker).member(msg)
		if !ok {
			return
		}
		msg = rest
		switch p := &l.pubs[who]; {
		case p.busy && p.joined == joined:
			l.arrive(c, p.msg, now, int64(p.sent))
		default:
			l.dups++
		}
	}
}

// arrive notes a delivery to c.
func (l *loop) arrive(c *wsConn, m msgID, now time.Duration, sent int64) {
	st := &l.chans[m.ch]
	pos := st.msgs[m.seq].position
	if pos == 0 {
		st.arrived++
		pos = st.arrived
		st.msgs[m.seq].position = pos
	}
	sub := m.ch - c.id%len(l.chans) // which of its subscriptions
	if sub < 0 {
		sub += len(l.chans)
	}
	switch last := &c.last[sub]; {
	case pos > *last:
		*last = pos
	case pos == *last:
		l.dups++
		return
	default:
		l.late++
	}
	l.outstanding--
	l.settle(m)
	if l.recording {
		l.received++
		l.lat.add(int64(now) - sent)
	}
}

// settle notes a delivery of the message, or that its publish was answered.
func (l *loop) settle(m msgID) {
	w := &l.chans[m.ch].msgs[m.seq].waits
	if *w--; *w > 0 {
		return
	}
	l.inflight = max(l.inflight-1, 0)
	if l.cfg.via == "join" {
		for i := range l.pubs {
			if p := &l.pubs[i]; p.busy && p.msg == m {
				l.rest(i)
			}
		}
	}
}
