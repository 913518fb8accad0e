package hotsock

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// onSameStore makes another handler on the store of a rig.
func (r *rig) onSameStore() *Handler {
	r.t.Helper()
	h, err := New(Options{Store: r.s.Store, Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// awaitRecords waits until no records of streams are left, in fake time.
func (r *rig) awaitRecords() {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		page, err := r.h.node.Keys(r.t.Context(), store.KeysRequest{Channel: streamChannel, Limit: 10})
		if err != nil || time.Now().After(deadline) {
			r.t.Fatalf("records are left: %v, %v", page.Keys, err)
		}
		if len(page.Keys) == 0 {
			return
		}
	}
}

// TestStreamLost: when a node has died, the others end its streams, and so does one that
// starts later; and the living node's streams go on.
func TestStreamLost(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.watcher("Jim")
		dying, third := r.onSameStore(), r.onSameStore()
		defer func() { _ = third.Close() }()
		own := r.stream(Message{})
		lost, err := dying.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour, Data: "Well, "})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*Stream{own, lost} {
			if _, err := s.WriteString("👋 hello"); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		died := time.Now()
		if err := dying.node.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		v := newStreamView()
		v.show(t, c, lost.ID())
		v.want(t, lost.ID(), "Well, 👋 hello", "lost")
		if took := time.Since(died); took > r.h.opts.NodeTimeout {
			t.Errorf("it took %v to notice", took)
		}
		if v.state[own.ID()] != "open" {
			t.Errorf("the other stream is %s", v.state[own.ID()])
		}
		_ = dying.Close() // Its stream cannot say anything more.
		if _, err := own.WriteString("!"); err != nil {
			t.Fatal(err)
		}
		if err := own.Close(); err != nil {
			t.Fatal(err)
		}
		v.show(t, c, own.ID())
		v.want(t, own.ID(), "👋 hello!", "complete")
		r.awaitRecords()
	})
}

// TestStreamLostWhileItBegan: a node died right after it published the message, or right
// before. In both cases no message is open for ever, and no record stays.
func TestStreamLostWhileItBegan(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		published := store.PublishRequest{
			Channel: "room", Event: "answer", Data: []byte(`""`), Retention: time.Hour, Stream: wire.StreamOpen,
			DedupID: streamDedup("published"), DedupFor: time.Minute,
		}
		for _, record := range []string{"published", "unpublished", "gone"} {
			value := streamRecord{Node: "dead", Channel: "room"}
			if record == "gone" {
				value.Message = ulid.Make()
			}
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			q := store.SetRequest{Channel: streamChannel, Key: record, Value: text, Digest: record, Retention: store.Forever}
			if _, err := r.h.node.Set(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.h.node.Publish(t.Context(), published); err != nil {
			t.Fatal(err)
		}
		r.awaitRecords()
		page, err := r.h.History(context.WithoutCancel(t.Context()), HistoryQuery{Channel: "room"})
		if err != nil || len(page.Items) != 1 || page.Items[0].Stream.State != "lost" {
			t.Errorf("the history has %+v, %v", page.Items, err)
		}
	})
}
