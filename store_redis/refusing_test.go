package storeredis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// unavailable checks that each deed fails within its time.
func (d *deeds) unavailable(t *testing.T, all []deed) {
	t.Helper()
	var wg sync.WaitGroup
	for _, row := range all {
		wg.Go(func() {
			began := time.Now()
			if err := row.do(context.Background()); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: error %v, want unavailable", row.what, err)
			}
			if took := time.Since(began); took > givesUp {
				t.Errorf("%s: the error came after %v, more than %v", row.what, took, givesUp)
			}
		})
	}
	wg.Wait()
}

// writing are deeds that cannot be done where no write is accepted.
func (d *deeds) writing() []deed {
	return append(d.growing(), deed{"ready", d.n.Ready})
}

// works checks that the node goes on, and that another one which watches the
// channel hears it.
func (d *deeds) works(t *testing.T, in *inbox) {
	t.Helper()
	began := time.Now()
	id := retryPublish(t, d.n, store.PublishRequest{Channel: "c", Event: "again"}, back)
	in.await("what is published again", back, func() bool {
		return len(in.items) > 0 && in.items[len(in.items)-1].ID == id
	})
	await.Within(t, back, "being ready", func() bool { return d.n.Ready(t.Context()) == nil })
	t.Logf("back after %v", time.Since(began))
	info, err := d.n.Channel(unhurried(t), "presence.c")
	if err != nil || info.Count != 2 || len(info.Members) != 2 {
		t.Errorf("channel %+v (%v), want two members", info, err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.ended) > 0 || in.rejoins > 0 || in.lost > 0 {
		t.Errorf("%d subscriptions ended, %d times to rejoin, %d losses", len(in.ended), in.rejoins, in.lost)
	}
}

// TestLoading restarts a server that needs longer than every lease to read its
// data, and answers everything with an error until then.
func TestLoading(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
	in := newInbox(t)
	d := startDeeds(t, joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin))
	mustWatch(t, joinAs(t, openAt(t, srv.Addr), in, testJoin), "c")
	db := srv.Client()
	for _, cmd := range [][]any{{"DEBUG", "POPULATE", 4000, "filler", 500}, {"SAVE"}} {
		if err := db.Do(t.Context(), cmd...).Err(); err != nil {
			t.Fatal(err)
		}
	}

	srv.Kill()
	srv.Launch()
	awaitError(t, db, "LOADING")
	began := time.Now()
	d.unavailable(t, append(slices.Concat(d.writing(), d.reading()), deed{"join", func(ctx context.Context) error {
		_, err := openAt(t, srv.Addr).Join(ctx, newInbox(t), testJoin)
		return err
	}}))
	if err := db.Get(t.Context(), "k").Err(); !redis.IsLoadingError(err) {
		t.Fatalf("the server has its data already: %v", err)
	}
	srv.AwaitUp()
	t.Logf("loading for %v", time.Since(began))
	d.works(t, in)
}

// awaitError waits until the server answers with an error.
func awaitError(t *testing.T, db *redis.Client, code string) {
	t.Helper()
	await.Within(t, 10*time.Second, "the error "+code, func() bool {
		return redis.HasErrorPrefix(db.Set(t.Context(), "k", "v", 0).Err(), code)
	})
}

// TestWritesRefused makes a server refuse writes for longer than every lease.
// Nobody is declared dead for that when it accepts them again.
func TestWritesRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		code  string
		begin func(t *testing.T, srv *redistest.Server) (end func())
		// reads is true if what the server has is right, and may be read.
		reads bool
	}{
		{"it is made a replica", "READONLY", func(t *testing.T, srv *redistest.Server) func() {
			next := redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
			follow(t, next, srv)
			awaitReplica(t, srv, next)
			follow(t, next, nil)
			follow(t, srv, next)
			return func() { follow(t, srv, nil) }
		}, false},
		{"it has no replica, and must have one", "NOREPLICAS", func(t *testing.T, srv *redistest.Server) func() {
			need := func(n string) {
				if err := srv.Client().ConfigSet(t.Context(), "min-replicas-to-write", n).Err(); err != nil {
					t.Fatal(err)
				}
			}
			need("1")
			return func() { need("0") }
		}, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
			in := newInbox(t)
			d := startDeeds(t, joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin))
			mustWatch(t, joinAs(t, openAt(t, srv.Addr), in, testJoin), "c")
			await.Pass(testJoin.NodeTimeout, "for each to trust the server")
			end := row.begin(t, srv)
			awaitError(t, srv.Client(), row.code)
			if row.reads {
				for _, row := range d.reading() {
					if err := row.do(unhurried(t)); err != nil {
						t.Errorf("%s: %v", row.what, err)
					}
				}
			} else {
				d.unavailable(t, d.reading())
			}
			d.unavailable(t, d.writing())
			// Reading goes on meanwhile, and is no sign that leases can be renewed.
			await.While(t, 2*testJoin.NodeTimeout, "the state", func() bool {
				_, _ = d.n.Channel(t.Context(), "presence.c")
				return true
			})
			end()
			d.works(t, in)
			await.Pass(testJoin.NodeTimeout, "whoever is taken for dead is so by then")
			d.works(t, in)
		})
	}
}

// follow makes a server the replica of another one, or a master for nil.
func follow(t *testing.T, s, master *redistest.Server) {
	t.Helper()
	host, port := "NO", "ONE"
	if master != nil {
		host, port, _ = strings.Cut(master.Addr, ":")
	}
	if err := s.Client().ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
}
