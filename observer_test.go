package hotsock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

// A watcher is an observer that remembers what has ended, and gives each
// publish a trace.
type watcher struct {
	trace map[string]string

	mu    sync.Mutex
	begun int
	ended []Operation
	// within is the operation in whose context each of ended took place.
	within []string
}

type watchKey struct{}

func (w *watcher) Begin(ctx context.Context, o *Operation) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun++
	if o.Kind == OperationPublish {
		o.Trace = w.trace
	}
	path, _ := ctx.Value(watchKey{}).(string)
	return context.WithValue(ctx, watchKey{}, path+"/"+o.Name)
}

func (w *watcher) End(ctx context.Context, o *Operation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, *o)
	w.within = append(w.within, ctx.Value(watchKey{}).(string))
}

// of returns what ended of a kind, without what differs between runs.
func (w *watcher) of(k OperationKind) (ops []Operation, within []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, o := range w.ended {
		if o.Kind == k {
			ops, within = append(ops, o), append(within, w.within[i])
		}
	}
	return ops, within
}

var withoutTimes = cmpopts.IgnoreFields(Operation{}, "Start", "Duration", "Delay", "Err")

func TestObserver(t *testing.T) {
	w := &watcher{trace: map[string]string{"traceparent": "only-for-us"}}
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		jim, ann := r.connect("Jim"), r.connect("Ann")
		for _, c := range []*wstest.Conn{jim, ann} {
			c.Subscribe("room")
		}
		jim.Send(`{"event":"chat","channel":"room","data":"hi","ref":"1"}`)
		for range 2 { // the acknowledgement and the message, in either order
			if f := jim.Next(); strings.Contains(f.Text, "only-for-us") {
				t.Errorf("a client got the trace: %s", f.Text)
			}
		}
		id := ann.Expect("chat").ID
		jim.Cut()
		synctest.Wait()

		who := w.onlyEnded(t)
		ops, _ := w.of(OperationPublish)
		want := []Operation{{
			Kind: OperationPublish, Name: "message", Trigger: "client.websocket", Channel: "room", Event: "chat",
			ConnectionID: who, MessageID: id, Trace: w.trace,
		}}
		if d := cmp.Diff(want, ops, withoutTimes); d != "" {
			t.Errorf("publishes (-want +got):\n%s", d)
		}
		ops, _ = w.of(OperationDelivery)
		want = []Operation{{
			Kind: OperationDelivery, Name: "message", Channel: "room", Event: "chat", MessageID: id, Trace: w.trace, Subscribers: 2,
		}}
		if d := cmp.Diff(want, ops, withoutTimes); d != "" {
			t.Errorf("deliveries (-want +got):\n%s", d)
		}
		ops, _ = w.of(OperationConnection)
		want = []Operation{{Kind: OperationConnection, Name: "client", ConnectionID: who}}
		if d := cmp.Diff(want, ops, withoutTimes); d != "" {
			t.Errorf("connections (-want +got):\n%s", d)
		}
		_, within := w.of(OperationStore)
		all := fmt.Sprint(within)
		if !strings.Contains(all, " /message/Publish ") || !strings.Contains(all, " /Subscribe ") {
			t.Errorf("the store was called within %s", all)
		}
		if w.begun != len(w.ended) {
			t.Errorf("%d operations began, and %d ended", w.begun, len(w.ended))
		}
	})
}

// onlyEnded returns the id of the one connection that has ended.
func (w *watcher) onlyEnded(t *testing.T) string {
	t.Helper()
	ops, _ := w.of(OperationConnection)
	if len(ops) != 1 {
		t.Fatalf("%d connections have ended", len(ops))
	}
	return ops[0].ConnectionID
}

// Everything that can be published is observed, with the result.
func TestObserverPublishes(t *testing.T) {
	w := &watcher{trace: map[string]string{"t": strings.Repeat("x", maxTrace)}}
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		ctx := t.Context()
		kept, err := r.h.Publish(ctx, Message{Channel: "room", Event: "chat", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		due := time.Now().Add(time.Hour)
		_, err1 := r.h.Publish(ctx, Message{Channel: "room", Event: "later", At: due})
		_, err2 := r.h.SetStorage(ctx, Entry{Channel: "room", Key: "k", Data: 1})
		_, err3 := r.h.SetStorage(ctx, Entry{Channel: "room", Key: "later", Data: 1, At: due})
		err4 := r.h.React(ctx, Reaction{Channel: "room", MessageID: kept.ID, Reaction: "👍", UID: "Jim"})
		_, err5 := r.h.UpdateMessage(ctx, MessageUpdate{Channel: "room", MessageID: kept.ID, Data: 1})
		err6 := r.h.DeleteMessage(ctx, MessageDeletion{Channel: "room", MessageID: kept.ID})
		if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
			t.Fatal(err)
		}
		r.s.setDown(true)
		if _, err := r.h.Publish(ctx, Message{Channel: "room", Event: "lost"}); err == nil {
			t.Fatal("published without a store")
		}
		base := Operation{Kind: OperationPublish, Trigger: "server.go", Channel: "room"}
		with := func(name, event, id string, scheduled bool) Operation {
			o := base
			o.Name, o.Event, o.MessageID, o.Scheduled = name, event, id, scheduled
			return o
		}
		ops, _ := w.of(OperationPublish)
		want := []Operation{ // without the trace, which is too long
			with("message", "chat", kept.ID, false),
			with("message", "later", "", true),
			with("entry", "k", "", false),
			with("entry", "later", "", true),
			with("reaction", "hotsock.messageReactionAdded", "", false),
			with("edit", "hotsock.messageUpdated", "", false),
			with("edit", "hotsock.messageDeleted", "", false),
			with("message", "lost", "", false),
		}
		if d := cmp.Diff(want, ops, withoutTimes); d != "" {
			t.Fatalf("publishes (-want +got):\n%s", d)
		}
		for i, o := range ops {
			if down := i == len(ops)-1; errors.Is(o.Err, store.ErrUnavailable) != down {
				t.Errorf("%s %s: %v", o.Name, o.Event, o.Err)
			}
		}
	})
}

// panicking is an observer with a bug.
type panicking struct{}

func (panicking) Begin(context.Context, *Operation) context.Context { panic("begin") }
func (panicking) End(context.Context, *Operation)                   { panic("end") }

// forgetful is one with another.
type forgetful struct{}

func (forgetful) Begin(context.Context, *Operation) context.Context { return nil }
func (forgetful) End(context.Context, *Operation)                   {}

func TestObserverWithBugs(t *testing.T) {
	for _, o := range []Observer{panicking{}, forgetful{}} {
		inRig(t, Options{Observer: o}, func(_ *testing.T, r *rig) {
			c := r.connect("Jim")
			c.Subscribe("room")
			c.Do(`{"event":"chat","channel":"room"}`, "chat")
		})
	}
}

// named notes the order of calls.
type named struct {
	name string
	log  *[]string
}

func (n named) Begin(ctx context.Context, _ *Operation) context.Context {
	*n.log = append(*n.log, "begin "+n.name)
	return context.WithValue(ctx, watchKey{}, n.name)
}

func (n named) End(ctx context.Context, _ *Operation) {
	*n.log = append(*n.log, fmt.Sprint("end ", n.name, " in ", ctx.Value(watchKey{})))
}

func TestObservers(t *testing.T) {
	var log []string
	all := Observers(named{"a", &log}, nil, named{"b", &log})
	var o Operation
	all.End(all.Begin(t.Context(), &o), &o)
	want := []string{"begin a", "begin b", "end b in b", "end a in b"}
	if d := cmp.Diff(want, log); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
}
