package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// A step of the scheduler at which its node is killed: when the proxy sees what
// it waits for.
type step struct {
	name string
	// toServer and nth say what: the nth chunk in that direction that contains
	// the schedule. forward passes it on before the kill, delay is at most how
	// long after it.
	toServer bool
	nth      int
	forward  bool
	delay    time.Duration
}

// Accepting a schedule shows its text once on the way to Redis. When it is due,
// the text comes back with what is due, and goes out again with the script that
// fires it.
var steps = []step{
	{"what is due has been read", false, 1, false, 0},
	{"what is due has been received", false, 1, true, 2 * time.Millisecond},
	{"the firing script is being sent", true, 1, false, 0},
	{"the firing script has been sent", true, 1, true, 0},
	{"the firing script has been executed", true, 1, true, 3 * time.Millisecond},
	{"the node has been told", true, 1, true, 50 * time.Millisecond},
}

// A node that fires schedules is killed at each step of it.
func TestFiringNodeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 0)
	fault{short: 12, full: 500, parallel: 8, trial: func(tr *trial) {
		st := steps[tr.kind(len(steps))]
		prefix := tr.name + ":"
		x := startProxy(tr, s.redis.addr)
		victim := tr.node(x.url(), prefix)
		due := time.Now().Add(tr.between(1100*time.Millisecond, 2*time.Second)).Truncate(time.Second).Add(time.Second)
		var channels []string
		for i := range 1 + tr.IntN(4) {
			channels = append(channels, fmt.Sprint(tr.name, "/", i))
		}
		// Accepting is not the fault here.
		payload := "payload of " + tr.name
		for _, ch := range channels {
			tr.scheduleAt(victim, ch, payload, due)
		}
		var heir *node
		if tr.IntN(3) == 0 {
			heir = tr.node(s.url(), prefix) // It competes.
		}
		tr.logf("killing when %s; a second node: %v", st.name, heir != nil)
		killed := tr.killAt(x, victim, st, []byte(payload))

		select {
		case <-killed:
		case <-time.After(time.Until(due) + 3*time.Second):
			// The second node was first.
			if heir == nil {
				tr.failf("the node did not come to the step")
			}
			tr.count("not reached, as another node fired", 1)
			victim.Kill()
		}
		dead := time.Now()
		tr.count("killed when "+st.name, 1)
		tr.logf("killed")
		if heir == nil {
			heir = tr.node(s.url(), prefix)
		}
		up := time.Now()
		var c *client
		tr.within(5*time.Second, "connecting", func() bool {
			var err error
			c, _, err = dial(tr.ctx, heir, "u", 0, func(frame) {})
			return err == nil
		})
		if c == nil {
			return
		}
		defer c.close()
		for _, ch := range channels {
			if f, err := c.do(tr.ctx, map[string]any{"event": "hotsock.subscribe", "channel": ch}); err != nil || f.Error != nil {
				tr.fatalf("subscribing: %v %+v", err, f.Error)
			}
		}
		tr.within(presenceLimit-time.Since(dead), "firing", func() bool {
			for _, ch := range channels {
				if ids, _ := tr.fired(heir, c, ch, payload, due); len(ids) == 0 {
					return false
				}
			}
			return true
		})
		tr.took("another node up until all have fired", time.Since(up))
		tr.sleep(tr.between(200*time.Millisecond, 1500*time.Millisecond))
		for _, ch := range channels {
			var ids []string
			tr.within(5*time.Second, "listing what was fired", func() (listed bool) {
				ids, listed = tr.fired(heir, c, ch, payload, due)
				return listed
			})
			if len(ids) != 1 {
				tr.failf("%s was published as %v, want it once", ch, ids)
			}
		}
		tr.count("schedules", len(channels))
	}}.run(t)
}

// scheduleAt schedules a message that is kept.
func (tr *trial) scheduleAt(n *node, channel, payload string, due time.Time) {
	a, err := n.request(tr.ctx, http.MethodPost, "/rt/publish", map[string]any{
		"channel": channel, "event": "m", "data": payload, "store": 600,
		"scheduleExpression": "at(" + due.UTC().Format("2006-01-02T15:04:05") + ")",
	})
	if err != nil || a.status != http.StatusAccepted {
		tr.fatalf("scheduling: %v %+v", err, a)
	}
}

// killAt kills the node when the proxy sees the step. The channel is closed
// then.
func (tr *trial) killAt(x *proxy, n *node, st step, text []byte) <-chan struct{} {
	killed := make(chan struct{})
	var count atomic.Int64
	delay := time.Duration(0)
	if st.delay > 0 {
		delay = tr.between(0, st.delay)
	}
	x.set(func(_ *pipe, toServer bool, chunk []byte) verdict {
		if toServer != st.toServer || !bytes.Contains(chunk, text) || count.Add(1) != int64(st.nth) {
			return pass
		}
		if !st.forward {
			n.Kill()
			close(killed)
			return swallow
		}
		// The chunk goes on as soon as this returns.
		time.AfterFunc(delay, func() {
			n.Kill()
			close(killed)
		})
		return pass
	})
	return killed
}

// fired returns the ids under which a channel's schedule was published; ok is
// false if the node could not tell.
func (tr *trial) fired(n *node, c *client, channel, payload string, due time.Time) (ids []string, ok bool) {
	a, err := n.request(tr.ctx, http.MethodPost, "/rt/connection/listMessages?connectionId="+url.QueryEscape(c.id)+
		"&connectionSecret="+url.QueryEscape(c.secret), map[string]any{"channel": channel})
	if err != nil || a.status != http.StatusOK {
		tr.logf("listing: %v %+v", err, a)
		return nil, false
	}
	var page struct {
		Messages []struct {
			ID   string
			Data json.RawMessage
		}
	}
	_ = json.Unmarshal(a.body, &page) // Then there are none.
	for _, m := range page.Messages {
		var data string
		if json.Unmarshal(m.Data, &data) != nil || data != payload {
			tr.failf("%s has %s", channel, m.Data)
		}
		if at := timeOf(m.ID); at.Before(due) {
			tr.failf("%s was published at %v, before it was due at %v", channel, at, due)
		}
		ids = append(ids, m.ID)
	}
	return ids, true
}
