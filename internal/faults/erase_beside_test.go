package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// A channel is erased that has much. Subscribers of others get their messages as soon as
// before.
func TestEraseBesideOthers(t *testing.T) {
	t.Parallel()
	needsServers(t)
	messages, entries := 20_000, 2000
	if *fullFlag {
		messages, entries = 100_000, 10_000
	}
	fault{short: 1, full: 5, parallel: 1, trial: func(tr *trial) {
		s := redistest.StartServer(tr.t)
		nodes := []*node{tr.node("redis://"+s.Addr, tr.name+":"), tr.node("redis://"+s.Addr, tr.name+":")}
		tr.say(nodes[0], "jim", messages)
		tr.write(nodes[0], entries)
		d := &delays{tr: tr}
		var stops []func()
		for i := range 10 {
			stops = append(stops, d.follow(nodes, fmt.Sprint("other", i)))
		}
		tr.sleep(time.Second) // until all are warm
		d.take()
		tr.sleep(3 * time.Second)
		before := d.take()
		began := time.Now()
		a, err := nodes[1].request(tr.ctx, http.MethodDelete, "/rt/channels/room", nil)
		if err != nil || a.status/100 != 2 {
			tr.fatalf("erasing: %+v, %v", a, err)
		}
		tr.within(2*time.Minute, "the end", func() bool {
			e := tr.erasures(nodes[0])
			return len(e) == 0 || e[0].Done
		})
		tr.took(fmt.Sprintf("erasing %d messages and %d entries", messages, entries), time.Since(began))
		during := d.take()
		for _, stop := range stops {
			stop()
		}
		tr.logf("before: %v; meanwhile: %v", before, during)
		tr.t.Logf("before: %v; meanwhile: %v", before, during)
		if limit := 50*time.Millisecond + 3*before.of(99); during.of(99) > limit {
			tr.failf("others get 1%% of their messages after more than %v, want %v", during.of(99), limit)
		}
	}}.run(t)
}

// write writes entries of the channel that is erased.
func (tr *trial) write(n *node, count int) {
	for at := 0; at < count; at += 1000 {
		var batch []map[string]any
		for i := range min(1000, count-at) {
			batch = append(batch, map[string]any{
				"channel": "room", "event": "hotsock.channelStorageSet", "key": fmt.Sprint("k", at+i), "data": strings.Repeat("x", 100),
			})
		}
		a, err := n.request(tr.ctx, http.MethodPost, "/rt/publish/batch", map[string]any{"messages": batch})
		if err != nil || a.status != http.StatusAccepted {
			tr.fatalf("writing: %+v, %v", a, err)
		}
	}
}

// delays are how long messages take from being published until they are there.
type delays struct {
	tr  *trial
	mu  sync.Mutex
	all sorted
}

// follow subscribes on one node, and publishes on the other.
func (d *delays) follow(nodes []*node, channel string) (stop func()) {
	began := time.Now()
	c, _, err := dial(d.tr.ctx, nodes[0], channel, 0, func(f frame) {
		var at time.Duration
		if f.Event != "m" || json.Unmarshal(f.Data, &at) != nil {
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.all = append(d.all, time.Since(began)-at)
	})
	if err != nil {
		d.tr.fatalf("%v", err)
	}
	d.tr.onEnd(c.close)
	if f, err := c.do(d.tr.ctx, map[string]any{"event": "hotsock.subscribe", "channel": channel}); err != nil || f.Error != nil {
		d.tr.fatalf("subscribing: %+v, %v", f, err)
	}
	return d.tr.repeat(20*time.Millisecond, func(ctx context.Context) {
		body := map[string]any{"channel": channel, "event": "m", "data": time.Since(began)}
		if a, err := nodes[1].request(ctx, http.MethodPost, "/rt/publish", body); err != nil || a.status != http.StatusAccepted {
			d.tr.failf("publishing: %+v, %v", a, err)
		}
	})
}

// take returns the delays since the last time.
func (d *delays) take() sorted {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	slices.Sort(all)
	return all
}

// sorted are delays, the shortest first.
type sorted []time.Duration

// of returns the one that so many percent do not exceed.
func (s sorted) of(percent int) time.Duration {
	if len(s) == 0 {
		return 0
	}
	return s[(len(s)-1)*percent/100]
}

func (s sorted) String() string {
	return fmt.Sprintf("%d messages, median %v, 99%% %v, all %v", len(s), s.of(50), s.of(99), s.of(100))
}
