package storeredis

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// BenchmarkPages reads a page of the history, and what was missed, of messages of
// several sizes.
func BenchmarkPages(b *testing.B) {
	for _, size := range []int{256, 32_000} {
		for _, count := range []int{1, 100, 990} {
			for _, keep := range []time.Duration{0, time.Hour} {
				srv := redistest.StartServer(b)
				n, _ := benchNode(b, srv.Addr)
				data := bytes.Repeat([]byte("1"), size)
				first, err := n.Publish(context.Background(), store.PublishRequest{Channel: "c", Event: "first", Retention: keep})
				if err != nil {
					b.Fatal(err)
				}
				last := first
				for range count {
					if last, err = n.Publish(context.Background(), store.PublishRequest{Channel: "c", Event: "e", Data: data, Retention: keep}); err != nil {
						b.Fatal(err)
					}
				}
				measure := func(name string, read func(ctx context.Context) error) {
					b.Run(fmt.Sprintf("%s/size=%d/messages=%d/keep=%v", name, size, count, keep), func(b *testing.B) {
						b.ReportAllocs()
						busy := cpuOf(b, srv)
						for b.Loop() {
							if err := read(context.Background()); err != nil {
								b.Fatal(err)
							}
						}
						b.ReportMetric((cpuOf(b, srv)-busy)/float64(b.N)*1e6, "redis-µs/op")
					})
				}
				measure("replay", func(ctx context.Context) error {
					r := store.ReplayRequest{Channel: "c", After: first.ID, Until: last.ID, Limit: 1000, MaxBytes: 256 << 10}
					for {
						page, err := n.Replay(ctx, r)
						if err != nil || !page.More || r.Limit == 0 {
							return err
						}
						r.After = page.Messages[len(page.Messages)-1].ID
					}
				})
				if keep > 0 {
					measure("history", func(ctx context.Context) error {
						_, err := n.History(ctx, store.HistoryRequest{Channel: "c", Limit: 100, MaxBytes: 1 << 20})
						return err
					})
				}
			}
		}
	}
}
