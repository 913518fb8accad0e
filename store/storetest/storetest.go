// Package storetest is the specification of package store as tests: a table of
// promises, each with a test that it is kept.
//
// The tests of a store run it on a [Harness], which makes a fresh installation for
// each test; see the example. A store need not be complete to pass a part of it:
//
//	go test -run 'TestStore/(Messages|History)' ./...
//
// The parts are in the order in which docs/writing-a-store.md builds a store, and
// none needs a method that only a later one tests. Where a test fails, its last line
// is the promise that the store breaks.
//
// The suite waits for what must be delivered, however long that takes. To see that
// something is not delivered, it publishes after it and waits for that. Where time
// must pass, it asks the harness to [Harness.Advance] the clock, by a few seconds at
// most, so a harness may really wait.
package storetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A Harness is one installation under test: what is stored, the clock that it goes
// by, and the processes that share it. The goroutine of the test calls its methods;
// Now is called by any.
type Harness interface {
	// Open returns the installation's store, as one more process would open it.
	// All stores that a harness opens share what is stored, and may be one and
	// the same. If a store has to be closed, Open does so in t.Cleanup.
	Open(t *testing.T) store.Store
	// Kill makes a node vanish as if its process had died: it does nothing more,
	// its Receiver hears nothing more, and it does not Leave. The node n joined
	// the store s. Unless Open always returns the same store, no other node did.
	Kill(t *testing.T, s store.Store, n store.Node)
	// Advance returns when d has passed on the store's clock and, as far as the
	// harness can tell, the living nodes have done what became due.
	Advance(d time.Duration)
	// Now returns the time on the store's clock.
	Now() time.Time
}

// Run runs the suite, each test on a harness of its own. It calls newHarness with the
// t of the test that will use the harness; newHarness may call t.Parallel, t.Cleanup
// and t.Skip.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	run(t, func(t *testing.T, test func(*env)) {
		test(newEnv(t, newHarness(t)))
	})
}

// RunInBubble is Run with each test and its harness in a [testing/synctest] bubble,
// where hours pass in no time. It is for stores that live in one process and take
// their time from package time.
func RunInBubble(t *testing.T, newHarness func(t *testing.T) Harness) {
	run(t, func(t *testing.T, test func(*env)) {
		synctest.Test(t, func(t *testing.T) {
			test(newEnv(t, newHarness(t)))
		})
	})
}

// run makes all tests siblings, so that those which a harness lets run in parallel
// do not wait for the end of an area. The slash makes the area a level of its own
// for -run all the same.
func run(t *testing.T, each func(*testing.T, func(*env))) {
	for _, a := range contract {
		for _, c := range a.cases {
			t.Run(a.name+"/"+c.promise, func(t *testing.T) {
				each(t, func(e *env) {
					e.Cleanup(func() {
						if e.Failed() {
							e.Logf("The store breaks a promise: %s.", c.promise)
						}
					})
					c.run(e)
				})
			})
		}
	}
}
