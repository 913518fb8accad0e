package storememory_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.RunInBubble(t, func(*testing.T) storetest.Harness {
		return harness{storememory.New()}
	})
}

type harness struct{ store *storememory.Store }

func (h harness) Open(*testing.T) store.Store { return h.store }

func (h harness) Kill(_ *testing.T, _ store.Store, n store.Node) { storememory.Kill(n) }

func (h harness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h harness) Now() time.Time { return time.Now() }
