package outbox_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
)

// A recorder is a handler that notes what it is told to do, and fails as told.
type recorder struct {
	mu   sync.Mutex
	done []string
	ids  map[string]bool
	// fail decides on an error.
	fail func(channel, what string) error
}

func (r *recorder) note(channel, what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(channel, what); err != nil {
			return err
		}
	}
	r.done = append(r.done, channel+" "+what)
	return nil
}

func (r *recorder) set(fail func(channel, what string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = fail
}

// all returns what was done, on all channels.
func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.done)
}

func (r *recorder) Publish(_ context.Context, m hotsock.Message) (hotsock.PublishResult, error) {
	data, err := json.Marshal(m.Data)
	if err != nil {
		return hotsock.PublishResult{}, err
	}
	r.mu.Lock()
	if r.ids == nil {
		r.ids = make(map[string]bool)
	}
	known := r.ids[m.Channel+m.DeduplicationID]
	r.mu.Unlock()
	if known {
		return hotsock.PublishResult{ID: "1", Duplicate: true}, nil
	}
	if err := r.note(m.Channel, m.Event+" "+string(data)); err != nil {
		return hotsock.PublishResult{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[m.Channel+m.DeduplicationID] = true
	return hotsock.PublishResult{ID: "1"}, nil
}

func (r *recorder) SetStorage(_ context.Context, e hotsock.Entry) (hotsock.SetResult, error) {
	return hotsock.SetResult{}, r.note(e.Channel, fmt.Sprintf("set %s %s", e.Key, e.Data))
}

func (r *recorder) EraseChannel(_ context.Context, channel string) (hotsock.Erasure, error) {
	return hotsock.Erasure{}, r.note(channel, "erase")
}

func (r *recorder) EraseUser(_ context.Context, channel, uid string) (hotsock.Erasure, error) {
	return hotsock.Erasure{}, r.note(channel, "erase user "+uid)
}

func (r *recorder) EraseStorage(_ context.Context, channel, prefix string) (hotsock.Erasure, error) {
	return hotsock.Erasure{}, r.note(channel, "erase storage "+prefix)
}

// run runs a relay until the test ends, or until the function that it returns is called.
func run(t testing.TB, box *outbox.Outbox, db *sql.DB, h outbox.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx, db, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// commit does something in a transaction.
func commit(t testing.TB, db *sql.DB, do func(tx *sql.Tx) error) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := do(tx); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// publish publishes numbered messages in one transaction.
func publish(t testing.TB, box *outbox.Outbox, db *sql.DB, channel string, numbers ...int) {
	t.Helper()
	commit(t, db, func(tx *sql.Tx) error {
		for _, n := range numbers {
			if err := box.Publish(t.Context(), tx, hotsock.Message{Channel: channel, Event: "n", Data: n}); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantDone waits until exactly this was done.
func wantDone(t testing.TB, r *recorder, want ...string) {
	t.Helper()
	await.That(t, fmt.Sprintf("%d to be done", len(want)), func() bool { return len(r.all()) >= len(want) })
	if got := r.all(); !slices.Equal(got, want) {
		t.Fatalf("done:\n%q\nwant:\n%q", got, want)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
