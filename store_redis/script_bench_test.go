package storeredis

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// BenchmarkPublishScript tells what a message costs the server when an execution
// of the script serves a given number of them, which in BenchmarkPublish is up to
// chance.
func BenchmarkPublishScript(b *testing.B) {
	const channels = 1000
	data := []byte(`"` + fmt.Sprintf("%0256d", 0) + `"`)
	for _, keep := range []time.Duration{0, time.Minute, store.Forever} {
		for _, size := range []int{1, 12} {
			b.Run(fmt.Sprintf("keep=%v/size=%d", keep, size), func(b *testing.B) {
				srv := redistest.StartServer(b)
				n, _ := benchNode(b, srv.Addr)
				ctx := context.Background()
				for i := range channels {
					if err := n.Watch(ctx, fmt.Sprint("c", i)); err != nil {
						b.Fatal(err)
					}
				}
				pl, err := n.s.topo.pipeliner(ctx, 0)
				if err != nil {
					b.Fatal(err)
				}
				next := 0
				// Everything has been there before, as in a server that is in use.
				run := func(messages int) {
					for done := 0; done < messages; done += size {
						requests := make([]*request, size)
						for i := range requests {
							next++
							requests[i] = benchRequest(n, store.PublishRequest{
								Channel: fmt.Sprint("c", next%channels), Event: "e", Data: data, Retention: keep,
							})
						}
						pl.exec(requests)
						for _, r := range requests {
							if res := <-r.done; res.err != nil || res.reply.status != "ok" {
								b.Fatal(res)
							}
						}
					}
				}
				run(5 * channels)
				busy := cpuOf(b, srv)
				b.ResetTimer()
				run(b.N)
				b.ReportMetric((cpuOf(b, srv)-busy)/float64(b.N)*1e6, "redis-µs/msg")
			})
		}
	}
}

func benchRequest(n *node, p store.PublishRequest) *request {
	c := n.publishCall(&p)
	now := time.Now()
	deadline := now.UnixMilli() + 1000
	return &request{
		script: c.script, until: now.Add(time.Second), done: make(chan result, 1),
		ops: n.s.keys.ops(0, deadline/opsBucket.Milliseconds()), op: newOp(), deadline: decimal(deadline),
		keys: c.keys, args: c.args,
	}
}
