package client

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFrames feeds a subscribed client with frames, one on each line. Whatever
// they are, ids come in order, and what waits is bounded.
func FuzzFrames(f *testing.F) {
	golden, err := filepath.Glob("../testdata/frames/frame-*.json")
	if err != nil || len(golden) < 20 {
		f.Fatalf("%d golden frames, %v", len(golden), err)
	}
	// The answers to the subscribes come first: before, nothing counts.
	all := ""
	for n, channel := range fuzzChannels {
		all += fmt.Sprintf(`{"event":"hotsock.subscribed","channel":%q,"data":{"lastId":null},"meta":{},"ref":"%d"}`+"\n", channel, n+1)
	}
	begin := all
	for _, file := range golden {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(begin + string(b))
		all += strings.TrimSpace(string(b)) + "\n"
	}
	f.Add(all)
	f.Add(all + all)
	f.Fuzz(func(t *testing.T, text string) {
		c, n := newFuzzClient()
		for line := range strings.Lines(text) {
			frame, err := decodeFrame([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil {
				continue
			}
			_ = n.handle(frame)
			for _, s := range c.subs {
				if s.queued > c.opts.MaxQueueSize && len(s.queue) > 1 {
					t.Fatalf("%d bytes wait in %d events", s.queued, len(s.queue))
				}
			}
		}
		for _, s := range c.subs {
			checkOrder(t, s)
		}
		c.endAll(ErrClosed)
	})
}

// fuzzChannels are those of the golden frames.
var fuzzChannels = []string{"room.123", "presence.chat", "user.123"}

// newFuzzClient makes a client that has sent its subscribes on a connection,
// without any of its goroutines.
func newFuzzClient() (*Client, *conn) {
	c := &Client{
		opts: Options{MaxQueueSize: 20 * eventSize}, subs: make(map[string]*Subscription), changed: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	n := newConn(c, nil, connectedData{"id", "secret"}, "")
	c.conn = n
	for _, channel := range fuzzChannels {
		s := &Subscription{
			c: c, name: channel, state: joining,
			ready: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1),
		}
		c.subs[channel] = s
		s.join(n)
	}
	// Retries would be goroutines that wait.
	n.cancel(ErrClosed)
	return c, n
}

func checkOrder(t *testing.T, s *Subscription) {
	last := ""
	for _, q := range s.queue {
		id := ""
		switch e := q.event.(type) {
		case Message:
			id = e.ID
		case Reaction:
			id = e.ID
		case Gap:
			last = e.Last
		}
		if id != "" && id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = max(last, id)
	}
}
