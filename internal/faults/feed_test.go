package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// postedLimit is how long the answer to a post may take: StoreTimeout, on a machine that
// does much else.
const postedLimit = 5 * time.Second

// The node that holds a feed is killed, or stopped for a while, in the middle of what its
// client posts at other nodes. Each post is answered in time. What was accepted may be
// lost with the node, and nothing is carried out twice, or after it was refused.
func TestFeedNodeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	fault{short: 4, full: 200, parallel: 4, trial: func(tr *trial) {
		tr.watch(s.nodes...)
		victim := tr.node(s.url(), s.prefix)
		f := tr.feed(victim)
		var stops []func()
		for i := range 3 {
			by := fmt.Sprint("p", i)
			at := turns(s.nodes...)
			stops = append(stops, tr.repeat(tr.between(0, 20*time.Millisecond), func(context.Context) { f.publish(by, at()) }))
		}
		tr.sleep(tr.between(100*time.Millisecond, 700*time.Millisecond))
		how := tr.kind(3)
		tr.logf("%s %s", []string{"killing", "stopping, then killing", "stopping for a while"}[how], victim.name)
		if how > 0 {
			tr.onEnd(victim.Thaw)
			victim.Freeze()
			tr.sleep(tr.between(0, 1500*time.Millisecond))
		}
		if how < 2 {
			victim.Kill()
		} else {
			victim.Thaw()
		}
		killed := time.Now()
		tr.sleep(tr.between(0, 500*time.Millisecond))
		for _, stop := range stops {
			stop()
		}
		if how < 2 {
			for _, n := range s.nodes {
				tr.within(presenceLimit, "no such connection", func() bool { return f.post(n, "[]") == http.StatusUnauthorized })
			}
			tr.took("killed until there is no such connection", time.Since(killed))
			<-f.ended
		} else {
			last, _ := f.publish("last", s.nodes[0])
			tr.within(presenceLimit, "the last post being carried out", func() bool { return f.has(last[len(last)-1]) })
		}
		f.check(s.nodes[1])
		for _, n := range append(s.nodes, victim) {
			if log := n.Log.String(); strings.Contains(log, f.secret) || strings.Contains(log, "token=") {
				tr.failf("the log of %s has secrets", n.name)
			}
		}
	}}.run(t)
}

// The reply of Redis to what carries a post to the node that holds the feed is lost, once
// or several times, so that it is carried again. The post is carried out once.
func TestPostedReplyCut(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	x := startProxy(testCleaner{t}, s.redis.addr)
	beyond, err := startNode(x.url(), s.prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(beyond.Kill)
	fault{short: 10, full: 500, parallel: 1, trial: func(tr *trial) {
		tr.watch(beyond, s.nodes[0])
		f := tr.feed(s.nodes[0])
		lost, disarm := tr.loseReplies(x, f.id, 1+tr.IntN(3))
		messages, status := f.publish("p", beyond)
		disarm()
		tr.count("replies lost", int(lost.Load()))
		tr.count("posts answered with "+strconv.Itoa(status), 1)
		if status != http.StatusAccepted && status != http.StatusServiceUnavailable {
			tr.failf("the post was answered %d, with %d replies lost", status, lost.Load())
		}
		tr.within(postedLimit, "the post being carried out", func() bool { return f.has(messages[len(messages)-1]) })
		f.check(s.nodes[1])
	}}.run(t)
}

// A feed is a client without a WebSocket, which publishes on a channel of its own.
type feed struct {
	tr         *trial
	query      string // of its posts
	id, secret string
	ended      chan struct{}

	mu      sync.Mutex
	posts   int
	posted  [][]string      // the messages of each post that was not refused
	refused []string        // messages
	acked   map[string]bool // messages
}

func (tr *trial) feed(n *node) *feed {
	ctx, cancel := context.WithCancel(tr.ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url("http")+"/rt/stream?token="+url.QueryEscape(token("poster", 3600)), nil)
	if err != nil {
		tr.fatalf("%v", err)
	}
	res, err := web.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		cancel()
		tr.fatalf("no feed: %+v, %v", res, err)
	}
	f := &feed{tr: tr, ended: make(chan struct{}), acked: make(map[string]bool)}
	tr.onEnd(func() {
		cancel()
		<-f.ended
	})
	lines := bufio.NewScanner(res.Body)
	next := func() (m frame, ok bool) {
		for lines.Scan() {
			if text, is := strings.CutPrefix(lines.Text(), "data: "); is {
				return m, json.Unmarshal([]byte(text), &m) == nil
			}
		}
		return m, false
	}
	first, _ := next()
	var hello struct{ ConnectionID, ConnectionSecret string }
	_ = json.Unmarshal(first.Data, &hello) // Then there is no secret.
	f.id, f.secret = hello.ConnectionID, hello.ConnectionSecret
	f.query = url.Values{"connectionId": {f.id}, "connectionSecret": {f.secret}}.Encode()
	go func() {
		defer close(f.ended)
		defer res.Body.Close()
		for m, ok := next(); ok; m, ok = next() {
			if m.Event == "hotsock.ack" {
				f.mu.Lock()
				f.acked[m.Ref] = true
				f.mu.Unlock()
			}
		}
	}()
	if f.secret == "" {
		tr.fatalf("the first frame is %+v", first)
	}
	return f
}

// publish posts some messages at a node, which no other post has, and returns them with
// the status of the answer.
func (f *feed) publish(by string, at *node) (messages []string, status int) {
	f.mu.Lock()
	f.posts++
	post := f.posts
	f.mu.Unlock()
	var frames []map[string]any
	for i := range 4 {
		text := fmt.Sprintf("%s.%d.%d", by, post, i)
		messages = append(messages, text)
		frames = append(frames, map[string]any{"event": "m", "channel": f.tr.name, "data": text, "ref": text})
	}
	status = f.post(at, frames)
	f.mu.Lock()
	defer f.mu.Unlock()
	if status == http.StatusUnauthorized {
		f.refused = append(f.refused, messages...)
	} else {
		f.posted = append(f.posted, messages)
	}
	return messages, status
}

// post sends something at a node, and returns the status of the answer.
func (f *feed) post(at *node, body any) int {
	if text, ok := body.(string); ok {
		body = json.RawMessage(text)
	}
	a, err := at.request(f.tr.ctx, http.MethodPost, "/rt/connection/send?"+f.query, body)
	if err != nil {
		if f.tr.ctx.Err() == nil {
			f.tr.failf("a post was not answered: %v", strings.ReplaceAll(err.Error(), f.secret, "…"))
		}
		return 0
	}
	f.tr.took(fmt.Sprint("until ", a.status), a.took)
	switch a.status {
	case http.StatusAccepted, http.StatusUnauthorized, http.StatusServiceUnavailable:
	default:
		f.tr.failf("a post was answered %d %s", a.status, a.body)
	}
	if a.took > postedLimit {
		f.tr.failf("a post was answered %d after %v", a.status, a.took)
	}
	return a.status
}

// has reports whether a message was acknowledged.
func (f *feed) has(message string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked[message]
}

// check compares what a node has with what the client was told.
func (f *feed) check(n *node) {
	all, err := f.tr.history(n, f.tr.name)
	if err != nil {
		f.tr.fatalf("the history: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at := make(map[string]int) // messages by their place, from 1 on
	for i, id := range slices.Sorted(maps.Keys(all)) {
		var text string
		_ = json.Unmarshal([]byte(all[id]), &text) // Then nobody has published it.
		if at[text] > 0 {
			f.tr.failf("%s was carried out twice", text)
		}
		at[text] = i + 1
	}
	for _, text := range f.refused {
		if at[text] > 0 {
			f.tr.failf("%s was refused, and carried out", text)
		}
	}
	for text := range f.acked {
		if at[text] == 0 {
			f.tr.failf("%s was acknowledged, and is missing", text)
		}
	}
	done := 0
	for _, post := range f.posted {
		last := at[post[0]]
		for _, text := range post[1:] {
			if place := at[text]; place > 0 && (last == 0 || place < last) {
				f.tr.failf("%s was carried out before what precedes it", text)
			}
			last = at[text]
		}
		if at[post[0]] > 0 {
			done++
		}
	}
	f.tr.count("posts carried out", done)
	f.tr.count("posts", len(f.posted))
	f.tr.count("messages of posts refused", len(f.refused))
	if done == 0 {
		f.tr.failf("no post was carried out")
	}
}
