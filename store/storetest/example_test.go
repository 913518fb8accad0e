package storetest_test //nolint:testableexamples // The example needs the t of a test.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// A harness is an installation of one process. It opens the same store for every
// node.
type harness struct{ store *storememory.Store }

func (h harness) Open(*testing.T) store.Store { return h.store }

// Kill needs a way to end a node without Leave, which only your tests use.
func (h harness) Kill(_ *testing.T, _ store.Store, n store.Node) {
	n.(interface{ Kill() }).Kill()
}

func (h harness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait() // until the nodes have nothing left to do
}

func (h harness) Now() time.Time { return time.Now() }

// The body of TestStore in the tests of a store.
func Example() {
	var t *testing.T
	storetest.RunInBubble(t, func(*testing.T) storetest.Harness {
		return harness{storememory.New()}
	})
}
