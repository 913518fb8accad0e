package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/token"
)

// BenchmarkLatency measures the time from the end of COMMIT until a subscriber has the
// message, over a WebSocket, with Redis: p50 and p99 in milliseconds. "Publish" publishes
// after COMMIT without an outbox, and "loop" is what many apps have: a table that is looked
// into every second.
func BenchmarkLatency(b *testing.B) {
	for _, each := range databases {
		for _, way := range []string{"outbox", "Publish", "loop"} {
			b.Run(each.name+"/"+way, func(b *testing.B) { benchmarkLatency(b, each.make(b), way) })
		}
	}
}

func benchmarkLatency(b *testing.B, d database, way string) {
	ctx := b.Context()
	db, rt := d.open(b), benchHandler(b)
	box := d.outbox(b, db, outbox.Options{})
	switch way {
	case "outbox":
		run(b, box, db, rt)
	case "loop":
		stop := make(chan struct{})
		var loop sync.WaitGroup
		loop.Go(func() { naiveLoop(ctx, db, rt, stop) })
		b.Cleanup(func() { close(stop); loop.Wait() })
	}
	sub := subscriber(b, rt)
	var all []time.Duration
	for b.Loop() {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			b.Fatal(err)
		}
		if way != "Publish" {
			if err := box.Publish(ctx, tx, hotsock.Message{Channel: "a", Event: "e"}); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if way == "Publish" {
			if _, err := rt.Publish(ctx, hotsock.Message{Channel: "a", Event: "e"}); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := sub.Next(ctx); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(began))
		pause := 10 * time.Millisecond
		if way == "loop" {
			pause += rand.N(time.Second) // or it would come right after a look
		}
		await.Pass(pause, "an app that is not busy")
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100])/1e6, "p99-ms")
}

// benchHandler returns a node on a Redis of its own.
func benchHandler(b *testing.B) *hotsock.Handler {
	b.Helper()
	rt, end, err := newHandler(redistest.StartServer(b).Addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(end)
	return rt
}

func subscriber(b *testing.B, rt *hotsock.Handler) *client.Subscription {
	b.Helper()
	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	c, err := client.New(client.Options{URL: server.URL + "/rt", Token: func(context.Context) (string, error) {
		return hotsock.SignToken(hotsock.Claims{
			Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Hour),
			Channels: map[string]hotsock.ChannelClaims{"a": {Subscribe: hotsock.Allow}},
		}, token.SigningKey{Algorithm: token.HS256, Secret: []byte("a secret of at least 32 bytes ...")})
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	sub, err := c.Subscribe(b.Context(), "a", nil)
	if err != nil {
		b.Fatal(err)
	}
	return sub
}

// naiveLoop looks into the table every second.
func naiveLoop(ctx context.Context, db *sql.DB, rt *hotsock.Handler, stop chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for {
			var id int64
			if err := db.QueryRowContext(ctx, "select id from hotsock_outbox order by id limit 1").Scan(&id); err != nil {
				break
			}
			if _, err := rt.Publish(ctx, hotsock.Message{Channel: "a", Event: "e"}); err == nil {
				_, _ = db.ExecContext(ctx, fmt.Sprintf("delete from hotsock_outbox where id = %d", id))
			}
		}
	}
}

// BenchmarkBacklog measures how fast rows that wait are carried out, by one node and by
// two, and beside it a bare PublishBatch of the same messages.
func BenchmarkBacklog(b *testing.B) {
	const rows, channels = 10_000, 100
	messages := make([]hotsock.Message, rows)
	for i := range messages {
		messages[i] = hotsock.Message{Channel: fmt.Sprintf("channel%d", i%channels), Event: "e", Data: map[string]any{"order": i, "state": "shipped"}}
	}
	report := func(b *testing.B, took time.Duration) {
		b.ReportMetric(float64(b.N*rows)/took.Seconds(), "rows/s")
	}
	b.Run("PublishBatch", func(b *testing.B) {
		rt := benchHandler(b)
		for b.Loop() {
			for part := range slices.Chunk(messages, 500) {
				if _, err := rt.PublishBatch(b.Context(), part); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, b.Elapsed())
	})
	for _, each := range databases {
		for _, nodes := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/nodes=%d", each.name, nodes), func(b *testing.B) {
				d := each.make(b)
				db := d.open(b)
				box := d.outbox(b, db, outbox.Options{})
				handlers := make([]*hotsock.Handler, nodes)
				server := redistest.StartServer(b)
				for n := range handlers {
					rt, end, err := newHandler(server.Addr)
					if err != nil {
						b.Fatal(err)
					}
					b.Cleanup(end)
					handlers[n] = rt
				}
				var took time.Duration
				for b.Loop() {
					for part := range slices.Chunk(messages, 1000) {
						if err := box.Publish(b.Context(), db, part...); err != nil {
							b.Fatal(err)
						}
					}
					began := time.Now()
					stops := make([]func(), nodes)
					for n, rt := range handlers {
						stops[n] = run(b, d.outbox(b, db, outbox.Options{}), d.open(b), rt)
					}
					await.That(b, "no rows", func() bool {
						s, err := box.Stats(b.Context(), db)
						return err == nil && s.Waiting == 0
					})
					took += time.Since(began)
					for _, stop := range stops {
						stop()
					}
				}
				report(b, took)
			})
		}
	}
}

// BenchmarkCommit measures what the outbox costs transactions of 16 goroutines, each
// with a row of its own and one of the outbox: on PostgreSQL with its flushes to the
// disk, where transactions that notify commit one at a time.
func BenchmarkCommit(b *testing.B) {
	d := databases[1].make(b)
	db := d.open(b)
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	box := d.outbox(b, db, outbox.Options{})
	for _, s := range []string{"alter system set fsync = on", "select pg_reload_conf()", "create table orders (id bigserial primary key, state text)"} {
		if _, err := db.ExecContext(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		_, _ = db.ExecContext(context.WithoutCancel(b.Context()), "alter system reset fsync")
		_, _ = db.ExecContext(context.WithoutCancel(b.Context()), "select pg_reload_conf()")
	})
	for _, row := range []struct {
		name                 string
		outbox, notify, busy bool
	}{
		{"no outbox", false, false, false},
		{"never notified", true, false, false},
		{"always notified", true, true, false},
		{"with a relay", true, true, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			ctx := b.Context()
			state := "disable"
			if row.notify {
				state = "enable"
			}
			if _, err := db.ExecContext(ctx, "alter table hotsock_outbox "+state+" trigger hotsock_outbox_notify"); err != nil {
				b.Fatal(err)
			}
			if row.busy {
				run(b, box, db, benchHandler(b))
				await.That(b, "the relay to be busy", func() bool {
					if err := box.Publish(ctx, db, slices.Repeat([]hotsock.Message{{Channel: "a", Event: "e"}}, 100)...); err != nil {
						b.Fatal(err)
					}
					var quiet bool
					err := db.QueryRowContext(ctx, "select until > (extract(epoch from clock_timestamp()) * 1000)::bigint from hotsock_outbox_leases where part = -1").Scan(&quiet)
					return err == nil && quiet
				})
				b.ResetTimer()
			}
			var n atomic.Int64
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					tx, err := db.BeginTx(ctx, nil)
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := tx.ExecContext(ctx, "insert into orders (state) values ('shipped')"); err != nil {
						b.Error(err)
					}
					if row.outbox {
						if err := box.Publish(ctx, tx, hotsock.Message{Channel: fmt.Sprintf("channel%d", n.Add(1)%100), Event: "e"}); err != nil {
							b.Error(err)
						}
					}
					if err := tx.Commit(); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
