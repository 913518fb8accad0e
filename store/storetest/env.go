package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hotsock-go/hotsock/store"
)

const (
	// patience is how long a test waits for what must come: for ever on a
	// healthy machine, and a bound for a busy one.
	patience = 30 * time.Second
	// tick is the step in which a test lets time pass while it waits for what
	// time brings about.
	tick = 100 * time.Millisecond
	// brief is how long something is kept that a test sees expire. It ends a
	// little after a quarter of a second, when a store may just have swept:
	// what has expired is gone, swept or not.
	brief = 1270 * time.Millisecond
)

// outliveBrief lets pass what is kept briefly.
func (e *env) outliveBrief() { e.h.Advance(brief + 10*time.Millisecond) }

// An env is what a test works with.
type env struct {
	*testing.T
	h     Harness
	nodes int
}

func newEnv(t *testing.T, h Harness) *env {
	return &env{T: t, h: h}
}

// Context is for one call. It has a deadline, since a store may have a short one
// of its own for calls without.
func (e *env) Context() context.Context {
	ctx, cancel := context.WithTimeout(e.T.Context(), patience)
	e.Cleanup(cancel)
	return ctx
}

// A node is a member of the installation, with the recorder that is its
// receiver. For what a test is not about it has methods that end the test when
// they fail.
type node struct {
	store.Node
	e     *env
	store store.Store
	r     *recorder
}

// join adds a node with options that no test should notice.
func (e *env) join() *node {
	e.Helper()
	return e.joinWith(store.JoinOptions{
		ReplayWindow:  time.Minute,
		ReplayLimit:   1000,
		NodeTimeout:   time.Minute,
		MaxListedSize: roomy,
	})
}

func (e *env) joinWith(o store.JoinOptions) *node {
	e.Helper()
	s := e.h.Open(e.T)
	e.nodes++
	r := newRecorder(e, e.nodes)
	n, err := s.Join(e.Context(), r, o)
	if err != nil {
		e.Fatalf("node %d: Join: %v", e.nodes, err)
	}
	e.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if r.dead() {
			return
		}
		if err := n.Leave(ctx); err != nil {
			e.Errorf("node %d: Leave: %v", r.number, err)
		}
	})
	return &node{Node: n, e: e, store: s, r: r}
}

// kill ends a node as the death of its process would.
func (n *node) kill() {
	n.e.Helper()
	n.r.die()
	n.e.h.Kill(n.e.T, n.store, n.Node)
}

// awaitWithTime waits for what only comes when time passes on the store's
// clock.
func (e *env) awaitWithTime(what string, cond func() bool) {
	e.Helper()
	for passed := time.Duration(0); !cond(); passed += tick {
		if passed > patience {
			e.Fatalf("%v passed without %s", patience, what)
		}
		e.h.Advance(tick)
	}
}

func (n *node) watch(channels ...string) {
	n.e.Helper()
	for _, c := range channels {
		if err := n.Watch(n.e.Context(), c); err != nil {
			n.e.Fatalf("node %d: Watch(%q): %v", n.r.number, c, err)
		}
	}
}

func (n *node) publish(p store.PublishRequest) store.PublishResult {
	n.e.Helper()
	res, err := n.Publish(n.e.Context(), p)
	if err != nil {
		n.e.Fatalf("node %d: Publish: %v", n.r.number, err)
	}
	return res
}

// mark publishes a message and waits until each of the nodes has got it.
// What was published before it and has not come by then never will.
func (n *node) mark(channel string, nodes ...*node) {
	n.e.Helper()
	res := n.publish(store.PublishRequest{Channel: channel, Event: "mark"})
	for _, m := range nodes {
		m.r.awaitItem(channel, res.ID)
	}
}

func (e *env) wantErr(what string, err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Errorf("%s: got error %v, want one that wraps %v", what, err, want)
	}
}

// wantEqual compares values. Times are equal if they are nearly the same, since
// a test does not know when exactly the store looked at its clock; nil slices
// and empty ones are equal.
func wantEqual[T any](e *env, what string, got, want T) {
	e.Helper()
	if d := diff(got, want); d != "" {
		e.Errorf("%s: (-want +got)\n%s", what, d)
	}
}

func diff[T any](got, want T) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b time.Time) bool {
		return a.IsZero() == b.IsZero() && a.Sub(b).Abs() < 5*time.Second
	}))
}
