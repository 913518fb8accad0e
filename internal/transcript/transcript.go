// Package transcript has tests show the messages of a channel, as a program does that
// follows edits and deletions and whose connections break.
package transcript

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
)

// A Transcript is what such a program shows. Its methods may be called from any
// goroutine.
type Transcript struct {
	mu    sync.Mutex
	shown map[string]client.Message
	gaps  int
}

// Follow begins a transcript with the channel's history, and keeps it up to date until
// the client is closed. When something may be missing, it begins again.
func Follow(sub *client.Subscription) *Transcript {
	t := new(Transcript)
	go func() {
		t.load(sub)
		for {
			event, err := sub.Next(context.Background())
			if err != nil {
				return
			}
			if _, lost := event.(client.Gap); lost {
				t.load(sub)
			}
			t.apply(event)
		}
	}()
	return t
}

// load begins with what the history has, however often it takes to read it.
func (t *Transcript) load(sub *client.Subscription) {
	for ; ; await.Pass(20*time.Millisecond, "before another try") {
		shown := make(map[string]client.Message)
		var failed error
		for m, err := range sub.History(context.Background(), nil) {
			if failed = err; err == nil {
				shown[m.ID] = m
			}
		}
		if failed != nil && !errors.Is(failed, client.ErrClosed) {
			continue
		}
		t.mu.Lock()
		t.shown = shown
		t.mu.Unlock()
		return
	}
}

func (t *Transcript) apply(event client.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case client.Message:
		t.shown[e.ID] = e
	case client.Update:
		if m, ok := t.shown[e.MessageID]; ok && m.Version < e.Version {
			m.Data, m.Version = e.Data, e.Version
			t.shown[e.MessageID] = m
		}
	case client.Deletion:
		delete(t.shown, e.MessageID)
	case client.Gap:
		t.gaps++
	}
}

// Shows returns the data of all messages, by their ids.
func (t *Transcript) Shows() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string]string, len(t.shown))
	for id, m := range t.shown {
		all[id] = string(m.Data)
	}
	return all
}

// Gaps is how often something may have been missing.
func (t *Transcript) Gaps() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gaps
}
