// Package storetest is the conformance suite for implementations of
// [store.Store]: what package store promises, as tests.
//
// An implementation runs it from its own tests, with a [Harness] that makes a
// fresh installation for each of them:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Harness {
//			t.Parallel()
//			return newHarness(t)
//		})
//	}
//
// The suite assumes nothing about when something is delivered: it waits for it.
// Whether something is not delivered is seen by publishing after it and waiting
// for that. Where time must pass the suite asks the harness to [Harness.Advance]
// it, by a few seconds at the most, so that a harness may really wait.
package storetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A Harness is one installation under test: what is stored, the clock it goes
// by, and the processes that share it. Its methods are called by the goroutine
// of the test, except Now, which is called by any.
type Harness interface {
	// Open returns the installation's store as one more process would open it.
	// All stores opened from one harness share what is stored; they may be one
	// and the same. What has to be closed is closed with t.Cleanup.
	Open(t *testing.T) store.Store
	// Kill makes a node vanish as if its process had died: nothing more comes
	// from it or reaches its Receiver, and it does not Leave. n joined s, which
	// came from Open and which no other node joined.
	Kill(t *testing.T, s store.Store, n store.Node)
	// Advance returns when d has passed on the store's clock, and living nodes
	// had the time to do what became due, as far as the harness can tell.
	Advance(d time.Duration)
	// Now is the time on the store's clock.
	Now() time.Time
}

// Run runs the suite, each of its tests on a harness of its own. newHarness is
// called with the t of the test that will use the harness; it may call
// t.Parallel, t.Cleanup and t.Skip.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	run(t, func(t *testing.T, test func(*env)) {
		test(newEnv(t, newHarness(t)))
	})
}

// RunInBubble is Run with each test, and the making of its harness, in a
// [testing/synctest] bubble: for stores that live in one process and take
// their time from package time. Advance is then
//
//	time.Sleep(d)
//	synctest.Wait()
func RunInBubble(t *testing.T, newHarness func(t *testing.T) Harness) {
	run(t, func(t *testing.T, test func(*env)) {
		synctest.Test(t, func(t *testing.T) {
			test(newEnv(t, newHarness(t)))
		})
	})
}

// A testCase is one test of the suite. It must not use t.Run: it may run in a
// bubble.
type testCase struct {
	name string
	run  func(*env)
}

func run(t *testing.T, each func(*testing.T, func(*env))) {
	areas := []struct {
		name  string
		tests []testCase
	}{
		{"Messages", messageTests},
		{"Order", orderTests},
		{"History", historyTests},
		{"Replay", replayTests},
		{"Reactions", reactionTests},
		{"Subscriptions", subscriptionTests},
		{"Presence", presenceTests},
		{"Storage", storageTests},
		{"Expiry", expiryTests},
		{"Connections", connectionTests},
		{"Peers", peerTests},
		{"Nodes", nodeTests},
		{"Scheduler", schedulerTests},
		{"Firing", firingTests},
		{"Contexts", contextTests},
	}
	for _, a := range areas {
		t.Run(a.name, func(t *testing.T) {
			for _, tc := range a.tests {
				t.Run(tc.name, func(t *testing.T) { each(t, tc.run) })
			}
		})
	}
}
