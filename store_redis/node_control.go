package storeredis

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Nodes tell each other things on control topics: one that all hear, and one for
// each node. What scripts publish is a word: "heartbeat", when those who share the
// work have changed, and "due", with a partition and a time. The rest are records
// that begin with their kind: "call" and "answer" (node_peers.go), "lost", and "count" (watch_count.go).

// tell publishes to one node, or to all for "". If nobody hears it, it is an
// error; a cluster does not tell.
func (n *node) tell(ctx context.Context, id, message string) error {
	select {
	case err := <-n.telling(ctx, id, message):
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ctx.Done():
		return errLeft
	}
}

// telling begins to, and gives the result, which may take longer than the context lasts:
// go-redis may wait longer.
func (n *node) telling(ctx context.Context, id, message string) <-chan error {
	done := make(chan error, 1)
	n.goRun(func() {
		topic := n.s.keys.control(id)
		if n.s.topo.identity.present() != "" {
			done <- n.s.topo.identity.publish(ctx, topic, message)
		} else {
			done <- n.s.client.Publish(ctx, topic, message).Err()
		}
	})
	return done
}

// hearControl takes a message to this node or to all.
func (n *node) hearControl(message string) {
	if rest, ok := strings.CutPrefix(message, "due "); ok {
		part, wait, _ := strings.Cut(rest, " ")
		p, err1 := strconv.ParseUint(part, 10, 8)
		ms, err2 := strconv.ParseUint(wait, 10, 63)
		if err1 == nil && err2 == nil {
			n.maintenance.dueIn(int(p), time.Duration(min(ms, 1<<40))*time.Millisecond)
		}
		return
	}
	if message == "heartbeat" { // Who shares the work has changed.
		n.heartbeat.wakeUp()
		return
	}
	r := record{rest: message}
	switch kind := r.next(); kind {
	case "count":
		if channel := r.next(); !r.bad {
			n.reportCount(channel)
		}
	case "call":
		key, from, ms, request := r.next(), r.next(), r.int(), r.bytes()
		if r.bad {
			return
		}
		n.goRun(func() { n.answer(key, from, time.Duration(ms)*time.Millisecond, request) })
	case "lost":
		for r.rest != "" {
			topic, id := r.next(), r.next()
			if r.bad {
				return
			}
			n.hearLost(topic, id)
		}
	case "answer":
		key, a := r.next(), answer{failed: r.next(), body: r.bytes()}
		if r.bad {
			return
		}
		n.peers.mu.Lock()
		got := n.peers.waiting[key]
		delete(n.peers.waiting, key)
		n.peers.mu.Unlock()
		if got != nil {
			got <- a
		}
	default:
		n.leaveOut("message of a node", kind)
	}
}
