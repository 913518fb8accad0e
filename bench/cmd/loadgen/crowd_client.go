package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

type crowdState uint8

const (
	crowdAway    crowdState = iota // waits until it tries again
	crowdDialing                   // the kernel connects
	crowdUpgrade                   // waits for the answer to the handshake
	crowdSubscribe
	crowdLive
	crowdLeft // and does not come back
)

// A crowdClient behaves as a client for browsers: when its connection ends it tries
// again at once, and then after random times of up to 1 s, 2 s and so on to 30 s. It
// goes on in its channel where it was, and publishes again, with the same
// deduplication id, what was not acknowledged.
type crowdClient struct {
	id         int
	fd         int
	generation int32 // of fd, so that no event of an earlier one counts
	node       int   // the server
	tried      int   // servers in a row that have refused it
	state      crowdState
	failures   int
	waits      int    // answers until it is live
	rem        []byte // the beginning of a frame
	last       string // where it goes on in its channel, "" before it is first subscribed
	received   uint32 // messages, and so the number of the next
	broke      bool   // it has lost a connection
	told       bool   // that it may have missed something
	liveAt     int64

	// published counts the messages that were acknowledged. The next one is under way if
	// pending, since sentAt.
	published uint32
	pending   bool
	refusals  int // of it, in a row
	sentAt    int64
}

// Delays of a client that tries again.
const (
	firstDelay   = time.Second
	longestDelay = 30 * time.Second
)

// delay is how long the client waits until it tries again.
func (c *crowdClient) delay() time.Duration {
	if c.failures == 0 {
		return 0
	}
	return rand.N(min(longestDelay, firstDelay<<min(c.failures-1, 10)))
}

// hello appends what a client says once it is connected: its subscribes.
func (c *crowdClient) hello(prefix string, out []byte) []byte {
	c.waits = 2 // connected and subscribed
	after := "null"
	if c.last != "" {
		after = `"` + c.last + `"`
	}
	out = appendFrame(out, opText, fmt.Appendf(nil, `{"event":"hotsock.subscribe","channel":"%s%d","data":{"after":%s}}`, prefix, c.id, after))
	if channel := presenceOf(c.id); channel != "" {
		c.waits++
		out = appendFrame(out, opText, fmt.Appendf(nil, `{"event":"hotsock.subscribe","channel":%q,"data":{"presence":"changes"}}`, channel))
	}
	return out
}

// message appends the publish of the client's pending message.
func (c *crowdClient) message(cfg *config, out []byte) []byte {
	payload := appendPayload(nil, cfg.size, c.sentAt, c.id, c.published)
	return appendFrame(out, opText, fmt.Appendf(nil, `{"event":"m","channel":"%s%d","data":%s,"deduplicationId":"%d.%d","ref":"1"}`,
		cfg.prefix, cfg.reader(c.id), payload, c.id, c.published))
}

// text takes a message of the server.
func (p *crowdPart) text(c *crowdClient, msg []byte, now int64) {
	if id, ok := bytes.CutPrefix(msg, []byte(`{"id":"`)); ok {
		if sent, _, n, _, ok := nextStamp(msg); ok {
			c.last = string(id[:26])
			p.arrived(c, sent, n, now)
		}
		return
	}
	event, ok := bytes.CutPrefix(msg, []byte(`{"event":"hotsock.`))
	if !ok {
		return
	}
	switch name, _, _ := bytes.Cut(event, []byte(`"`)); string(name) {
	case "connected":
		p.answered(c, now)
	case "subscribed":
		if bytes.Contains(msg, []byte(`"recovered":false`)) {
			p.counts.NotRecovered++
			c.told = true
		}
		if _, id, ok := bytes.Cut(msg, []byte(`"lastId":"`)); ok && c.last == "" {
			c.last = string(id[:26])
		}
		p.answered(c, now)
	case "ack":
		c.published++
		c.pending, c.refusals = false, 0
		p.counts.Published++
	case "error":
		if p.counts.Errors++; p.counts.Errors == 1 {
			warnf("%s", msg)
		}
		if bytes.Contains(msg, []byte(`"ref":"`)) { // the message: it is sent again
			c.refusals++
			p.later(c, now+int64(rand.N(min(longestDelay, firstDelay<<min(c.refusals, 10)))))
		}
	}
}

// arrived notes the nth message of the client's channel.
func (p *crowdPart) arrived(c *crowdClient, sent int64, n uint32, now int64) {
	p.counts.Received++
	switch {
	case n < c.received:
		p.counts.Dups++
		return
	case n > c.received && !c.told:
		p.counts.Skipped += int(n - c.received)
	}
	c.received, c.told = n+1, false
	if c.broke && sent < c.liveAt {
		p.counts.CaughtUp++ // It has waited for the client.
		return
	}
	p.lat.add(now - sent)
}

// answered notes one of the answers that a client waits for.
func (p *crowdPart) answered(c *crowdClient, now int64) {
	if c.waits--; c.waits > 0 || c.state == crowdLive {
		return
	}
	if c.liveAt == 0 {
		p.come++
	}
	c.state, c.failures, c.liveAt = crowdLive, 0, now
	p.counts.Live++
	if c.broke {
		p.counts.Away--
		c.sentAt = now // What it could not send has waited for nobody but itself.
	}
	p.publish(c)
}
