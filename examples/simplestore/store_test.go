package simplestore

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.RunInBubble(t, func(*testing.T) storetest.Harness { return harness{New()} })
}

type harness struct{ *Store }

func (h harness) Open(*testing.T) store.Store { return h.Store }

func (h harness) Kill(_ *testing.T, _ store.Store, n store.Node) {
	n.(*node).stop()
	n.(*node).tasks.Wait()
}

func (h harness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h harness) Now() time.Time { return time.Now() }
