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
							requests[i] = requestOf(n, n.publishCall(&store.PublishRequest{
								Channel: fmt.Sprint("c", next%channels), Event: "e", Data: data, Retention: keep,
							}))
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

// BenchmarkAppendScript tells what an append costs the server when an execution of the
// script serves a given number of them, each to a message of its own with a given length.
func BenchmarkAppendScript(b *testing.B) {
	for _, length := range []int{100, 3000} {
		for _, size := range []int{1, 12, 50} {
			b.Run(fmt.Sprintf("length=%d/size=%d", length, size), func(b *testing.B) {
				srv := redistest.StartServer(b)
				n, _ := benchNode(b, srv.Addr)
				ctx := context.Background()
				pl, err := n.s.topo.pipeliner(ctx, 0)
				if err != nil {
					b.Fatal(err)
				}
				edits := make([]store.EditRequest, size)
				for i := range edits {
					channel := fmt.Sprint("c", i)
					if err := n.Watch(ctx, channel); err != nil {
						b.Fatal(err)
					}
					edits[i] = store.EditRequest{
						Append: true, Channel: channel, Data: []byte("six tokens of four and a bit"), Tail: 1, NoticeEnd: []byte(`"}`),
						Notice: store.PublishRequest{Channel: channel, Event: "hotsock.messageAppended", Data: []byte(`{"messageId":"01JA3HVNF6E89HDT1ABRFWJ8C8","offset":1000,"version":100,"text":"`)},
					}
				}
				runs := 0
				run := func() {
					if runs%100 == 0 { // so that the messages stay about as long
						for i := range edits {
							res, err := n.Publish(ctx, store.PublishRequest{
								Channel: edits[i].Channel, Event: "e", Data: fmt.Appendf(nil, `"%0*d"`, length, 0), Retention: time.Hour, Stream: []byte(`{"state":"open"}`),
							})
							if err != nil {
								b.Fatal(err)
							}
							edits[i].Message = res.ID
						}
					}
					runs++
					requests := make([]*request, size)
					for i := range requests {
						requests[i] = requestOf(n, n.appendCall(&edits[i], formatID(edits[i].Message)))
					}
					pl.exec(requests)
					for _, r := range requests {
						if res := <-r.done; res.err != nil || res.reply.status != "ok" {
							b.Fatal(res)
						}
					}
				}
				for range 1000 / size {
					run()
				}
				busy := cpuOf(b, srv)
				b.ResetTimer()
				for done := 0; done < b.N; done += size {
					run()
				}
				b.ReportMetric((cpuOf(b, srv)-busy)/float64(b.N)*1e6, "redis-µs/append")
			})
		}
	}
}

// requestOf makes a request of a call.
func requestOf(n *node, c call) *request {
	now := time.Now()
	deadline := now.UnixMilli() + 5000
	return &request{
		script: c.script, until: now.Add(5 * time.Second), done: make(chan result, 1),
		ops: n.s.keys.ops(0, deadline/opsBucket.Milliseconds()), op: newOp(), deadline: deadline,
		keys: c.keys, args: c.args,
	}
}
