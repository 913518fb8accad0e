package storeredis

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/store"
)

// A load publishes one message after the other.
type load struct {
	quit     chan struct{}
	done     sync.WaitGroup
	tried    atomic.Int64
	accepted []ulid.ULID
	failed   int
}

func startLoad(n *node) *load {
	l := &load{quit: make(chan struct{})}
	l.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-l.quit:
				return
			case <-time.After(time.Millisecond):
			}
			p := store.PublishRequest{Channel: "c", Event: fmt.Sprint(i)}
			if i%2 == 0 {
				p.Retention = time.Minute
			}
			res, err := n.Publish(context.Background(), p)
			l.tried.Add(1)
			if err != nil {
				l.failed++
				continue
			}
			l.accepted = append(l.accepted, res.ID)
		}
	})
	return l
}

// goesOn waits until n more messages were accepted or refused.
func (l *load) goesOn(t *testing.T, n int64) {
	t.Helper()
	want := l.tried.Load() + n
	await.Within(t, time.Minute, "the load to go on", func() bool { return l.tried.Load() >= want })
}

func (l *load) stop() ([]ulid.ULID, int) {
	close(l.quit)
	l.done.Wait()
	return l.accepted, l.failed
}

// checkAccepted checks that all that was accepted came; inbox itself checks the
// order. A message whose publisher was told of a failure may have come, too: it
// could not know.
func checkAccepted(t *testing.T, in *inbox, accepted []ulid.ULID) {
	t.Helper()
	got := in.ids()
	for _, id := range accepted {
		if _, ok := slices.BinarySearchFunc(got, id, ulid.ULID.Compare); !ok {
			t.Fatalf("%v was accepted and never came", id)
		}
	}
}
