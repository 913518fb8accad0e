package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	goclient "github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/process"
)

// A streamer is a node that streams a message, with those who look at it.
type streamer struct {
	*process.Process

	message string
	views   []*streamView
	// seen is how long the text was when goesOn was asked first.
	seen int
}

// streamer starts one, until the trial ends.
func (tr *trial) streamer(redisURL, prefix string, every time.Duration) *streamer {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%q %q %d", streaming, redisURL, prefix, every))
	p, err := process.Start(cmd)
	if err != nil {
		tr.fatalf("the node that streams does not start: %v", err)
	}
	tr.onEnd(p.Kill)
	select {
	case id := <-p.Log.After(streamBegun):
		tr.watch(&node{Process: p, name: "that streams"})
		return &streamer{Process: p, message: id}
	case <-p.Ended:
	case <-tr.ctx.Done():
	}
	tr.fatalf("%v", p.Failed())
	return nil
}

// last is the number of tokens on the last line of a kind, 0 if there is none.
func (s *streamer) last(kind string) (n int) {
	log := s.Log.String()
	if at := strings.LastIndex(log, kind); at >= 0 {
		_, _ = fmt.Sscan(log[at+len(kind):], &n) // A line that is not whole has not happened.
	}
	return n
}

// view has another one look at the message.
func (s *streamer) view(tr *trial, at func() *node) {
	c, sub := tr.goClient(at, fmt.Sprint(s.message, len(s.views)), "")
	ctx, cancel := context.WithCancel(tr.ctx)
	v := &streamView{client: c, cancel: cancel, ended: make(chan struct{})}
	s.views = append(s.views, v)
	tr.onEnd(v.leave)
	go v.run(ctx, sub, s.message)
}

// reload has who came last begin again.
func (s *streamer) reload(tr *trial, at func() *node) {
	s.views[len(s.views)-1].leave()
	s.view(tr, at)
}

// over reports whether all know that the stream has ended.
func (s *streamer) over() bool {
	for _, v := range s.views {
		select {
		case <-v.ended:
		default:
			return false
		}
	}
	return true
}

// goesOn reports whether more is shown than when it was called first.
func (s *streamer) goesOn() bool {
	text, _ := s.views[0].shows()
	if s.seen == 0 {
		s.seen = len(text)
	}
	return len(text) > s.seen
}

// check compares what everybody shows with the history and with what was written.
func (s *streamer) check(tr *trial, at *node, state string) {
	tr.within(deliveryLimit, "who came last being told the end", s.over)
	all, err := tr.history(at, editChannel)
	if err != nil {
		tr.fatalf("the history: %v", err)
	}
	var text string
	if err := json.Unmarshal([]byte(all[s.message]), &text); err != nil {
		tr.fatalf("the message is %q: %v", all[s.message], err)
	}
	n := 0
	for rest, ok := text, true; ok && rest != ""; n++ {
		if rest, ok = strings.CutPrefix(rest, tokenText(n+1)); !ok {
			tr.failf("after %d tokens, %.40q follows", n, rest)
		}
	}
	least := s.last(streamFlushed)
	if written := s.last(streamWritten); state == goclient.StreamComplete && n != written {
		tr.failf("of %d tokens, %d are there", written, n)
	} else if n < least {
		tr.failf("%d tokens are there, and Flush said that %d are", n, least)
	}
	tr.count("tokens", n)
	for i, v := range s.views {
		shown, err := v.shows()
		var end *goclient.StreamError
		switch {
		case errors.Is(err, context.Canceled): // It has reloaded.
			if !strings.HasPrefix(text, shown) {
				tr.failf("viewer %d showed %.40q before it reloaded, of %d bytes", i, shown, len(shown))
			}
		case shown != text:
			tr.failf("viewer %d shows %d bytes, and the history has %d", i, len(shown), len(text))
		case state == goclient.StreamComplete && err != nil, state != goclient.StreamComplete && (!errors.As(err, &end) || end.State != state):
			tr.failf("viewer %d was told %v, and the stream is %s", i, err, state)
		}
	}
}

// A streamView is what somebody shows of a message that is streamed.
type streamView struct {
	client *goclient.Client
	cancel context.CancelFunc
	ended  chan struct{} // closed when it shows no more

	mu   sync.Mutex
	text strings.Builder
	err  error
}

func (v *streamView) run(ctx context.Context, sub *goclient.Subscription, message string) {
	defer close(v.ended)
	for piece, err := range sub.Stream(ctx, message) {
		v.mu.Lock()
		v.text.WriteString(piece)
		v.err = err
		v.mu.Unlock()
	}
}

func (v *streamView) leave() {
	v.cancel()
	<-v.ended
	_ = v.client.Close()
}

// shows returns the text, and what ended it.
func (v *streamView) shows() (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text.String(), v.err
}
