package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// A fate is what a publisher was told.
type fate int

const (
	// unknown: no answer came, so the message may have been published.
	unknown fate = iota
	acknowledged
	// refused as UNAVAILABLE: it must never be seen.
	refused
)

// A publication is one message that was sent, once.
type publication struct {
	channel, payload string
	fate             fate
	id               string // if acknowledged or accepted
	took             time.Duration
	at               time.Time
	// accepted is true if it was refused, and seen nevertheless.
	accepted bool
}

// A journal has all that was published in a trial.
type journal struct {
	mu   sync.Mutex
	sent map[string]*publication // by payload
	next int
}

func newJournal() *journal { return &journal{sent: make(map[string]*publication)} }

// begin notes a message before it is sent.
func (j *journal) begin(channel, by string) *publication {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	p := &publication{channel: channel, payload: fmt.Sprintf("%s.%s.%d", channel, by, j.next), at: time.Now()}
	j.sent[p.payload] = p
	return p
}

func (j *journal) settle(p *publication, f fate, id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p.fate, p.id, p.took = f, id, time.Since(p.at)
}

// acked returns how many messages were acknowledged, and refused.
func (j *journal) acked() (n, no int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.sent {
		switch p.fate {
		case acknowledged:
			n++
		case refused:
			no++
		}
	}
	return n, no
}

// accepted returns the messages that were refused though Redis had accepted them
// in time: its reply came too late or never.
func (j *journal) accepted() (ps []*publication) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.sent {
		if p.accepted {
			ps = append(ps, p)
		}
	}
	return ps
}

// publishHTTP publishes by a node's HTTP API. extra are further members.
func (j *journal) publishHTTP(ctx context.Context, n *node, channel string, extra map[string]any) *publication {
	p := j.begin(channel, n.name)
	body := map[string]any{"channel": channel, "event": "m", "data": p.payload, "eagerIdGeneration": true}
	maps.Copy(body, extra)
	a, err := n.request(ctx, http.MethodPost, "/rt/publish", body)
	switch {
	case err != nil:
	case a.status == http.StatusAccepted:
		var ok struct{ ID string }
		if json.Unmarshal(a.body, &ok) == nil {
			j.settle(p, acknowledged, ok.ID)
		}
	case a.code == "UNAVAILABLE":
		j.settle(p, refused, "")
	default:
		panic(fmt.Sprintf("publish: %d %s", a.status, a.body)) // No fault explains it.
	}
	return p
}

// publishSocket publishes over a connection.
func (j *journal) publishSocket(ctx context.Context, c *client, channel, by string) *publication {
	p := j.begin(channel, by)
	f, err := c.do(ctx, map[string]any{"event": "m", "channel": channel, "data": p.payload})
	switch {
	case err != nil:
	case f.Error == nil:
		var ok struct{ ID string }
		if json.Unmarshal(f.Data, &ok) == nil {
			j.settle(p, acknowledged, ok.ID)
		}
	case f.Error.Code == "UNAVAILABLE":
		j.settle(p, refused, "")
	default:
		panic(fmt.Sprintf("publish: %+v", f.Error))
	}
	return p
}

// load publishes on a channel by HTTP about every so often, on the node that at
// returns, until the returned function is called.
func (tr *trial) load(j *journal, channel string, every time.Duration, at func() *node, extra map[string]any) (stop func()) {
	return tr.repeat(every, func(ctx context.Context) { j.publishHTTP(ctx, at(), channel, extra) })
}

// repeat calls f about every so often, until the returned function is called,
// which waits.
func (tr *trial) repeat(every time.Duration, f func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(tr.ctx)
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			f(tr.ctx)
			pause(ctx, every)
		}
	})
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			work.Wait()
		})
	}
	tr.onEnd(stop)
	return stop
}

// marker publishes a last message on a channel, as often as it takes, and
// returns it.
func (tr *trial) marker(j *journal, n *node, channel string, limit time.Duration) *publication {
	for began := time.Now(); ; tr.sleep(20 * time.Millisecond) {
		if p := j.publishHTTP(tr.ctx, n, channel, nil); p.fate == acknowledged {
			return p
		}
		if time.Since(began) > limit || tr.ctx.Err() != nil {
			tr.fatalf("no message was accepted on %s within %v", channel, limit)
		}
	}
}
