package hotsock

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// onSameStore makes another handler on the store of a rig, to which its faults mean nothing.
func (r *rig) onSameStore() *Handler {
	r.t.Helper()
	return r.onStore(r.s.Store)
}

func (r *rig) onStore(s store.Store) *Handler {
	r.t.Helper()
	h, err := New(Options{Store: s, Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
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
		dying, third := r.onSameStore(), r.onSameStore()
		defer func() { _ = third.Close() }()
		own := r.stream(Message{})
		lost, err := dying.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour, Data: "Well, "})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(r.h.opts.DeduplicationWindow) // Its message cannot be found by that any more.
		c, v := r.watcher("Jim"), newStreamView()
		v.text[lost.ID()] = []rune("Well, ")
		for _, s := range []*Stream{own, lost} {
			v.version[s.ID()], v.state[s.ID()] = 1, "open"
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
		if n := len(r.h.streams.others) + len(third.streams.others); n != 0 {
			t.Errorf("%d streams are looked after that have ended", n)
		}
	})
}

// TestStreamLostAfterOutage: after the store was away, those that write streams have half
// of NodeTimeout to say that they are alive. Then the dead are found.
func TestStreamLostAfterOutage(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		dying, living := r.onStore(r.s), r.onStore(r.s)
		defer func() { _ = living.Close() }()
		begin := func(h *Handler) *Stream {
			t.Helper()
			s, err := h.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		lost, goesOn := begin(dying), begin(living)
		c := r.watcher("Jim")
		timeout := r.h.opts.NodeTimeout
		for range 3 {
			// Long enough for all to have looked, and to have found the living alive.
			time.Sleep(2 * timeout)
			r.s.setDown(true)
			r.s.unlist(living.node.ID()) // It cannot say that it is alive, like all others.
			time.Sleep(2 * timeout)
			r.s.setDown(false)
			time.Sleep(timeout * 3 / 10)
			r.s.unlist()
		}
		if err := dying.node.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.s.setDown(true)
		time.Sleep(timeout)
		r.s.setDown(false)
		back := time.Now()
		v := newStreamView()
		v.version[lost.ID()], v.version[goesOn.ID()] = 1, 1
		v.show(t, c, lost.ID())
		v.want(t, lost.ID(), "", "lost")
		if took := time.Since(back); took < timeout*3/10 || took > timeout+time.Second {
			t.Errorf("it took %v, of NodeTimeout %v", took, timeout)
		}
		if v.state[goesOn.ID()] != "" {
			t.Errorf("the stream of the living is %s", v.state[goesOn.ID()])
		}
		_ = dying.Close()
		if err := goesOn.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		r.awaitRecords()
	})
}

// unlist has no list of nodes have these, and all others again.
func (s *faultyStore) unlist(nodes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlisted = make(map[string]bool)
	for _, id := range nodes {
		s.unlisted[id] = true
	}
}

// TestStreamLostAndChanged: the message changes while a node ends its stream. The next look
// ends it.
func TestStreamLostAndChanged(t *testing.T) {
	w, log := newStoreWatch(), &lockedBuffer{}
	inRig(t, Options{Observer: w, Logger: slog.New(slog.NewTextHandler(log, nil))}, func(t *testing.T, r *rig) {
		dying := r.onSameStore()
		s, err := dying.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		w.after["History"] = func() {
			m := MessageUpdate{Channel: "room", MessageID: s.ID(), Data: "the last words"}
			if _, err := r.h.UpdateMessage(context.Background(), m); err != nil {
				t.Error(err)
			}
		}
		if err := dying.node.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.awaitRecords()
		if text, state := r.historyText(); text != "the last words" || state != "lost" {
			t.Errorf("the history has %s, %s", text, state)
		}
		if s := log.String(); s != "" { // It is nothing that an operator can do anything about.
			t.Errorf("it is logged: %s", s)
		}
		_ = dying.Close()
	})
}

// TestStreamRecordsThatAreGone: what other nodes have dealt with already is not looked
// after for ever, though nobody has told.
func TestStreamRecordsThatAreGone(t *testing.T) {
	w := newStoreWatch()
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		st := r.h.streams
		st.learn([]string{"gone before its node was known"})
		st.mu.Lock()
		st.lookAfter("gone after that", "dead")
		st.mu.Unlock()
		time.Sleep(2 * r.h.opts.NodeTimeout)
		st.mu.Lock()
		defer st.mu.Unlock()
		if len(st.others) != 0 || st.looking {
			t.Errorf("%v is looked after", st.others)
		}
		if n := w.take("Publish"); n != 0 {
			t.Errorf("%d messages are published for them", n)
		}
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
