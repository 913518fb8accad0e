package protocoltest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

// An eventLog is the sink of all nodes of an installation.
type eventLog struct {
	mu     sync.Mutex
	events []string      // as JSON
	more   chan struct{} // closed when there are more
	// fault, if set before anything happens, is how handling an event ends.
	fault func() error
}

// HandleEvent keeps the event as the JSON that a host would pass on, and that
// can be read again.
func (l *eventLog) HandleEvent(_ context.Context, e hotsock.Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	text := string(b)
	var again hotsock.Event
	if err := json.Unmarshal(b, &again); err != nil {
		text = err.Error()
	} else if diff := cmp.Diff(e, again); diff != "" {
		text = "read again it is another (-event +read): " + diff
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, text)
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	if l.fault != nil {
		return l.fault()
	}
	return nil
}

// take waits for n events and removes them.
func (l *eventLog) take(t *testing.T, e *env, n int) []string {
	t.Helper()
	timeout := time.After(e.patience)
	for {
		l.mu.Lock()
		if len(l.events) >= n {
			taken := l.events[:n:n]
			l.events = l.events[n:]
			l.mu.Unlock()
			return taken
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("waited for %d events, got %v", n, l.all())
		}
	}
}

func (l *eventLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.events...)
}

// withEvents makes the nodes report to the env's log, which takes the place of
// this one.
func withEvents(o *hotsock.Options) { o.Events = new(eventLog) }
