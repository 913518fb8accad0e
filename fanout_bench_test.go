//go:build linux

package hotsock

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// BenchmarkFanOut publishes to clients over TCP that cost next to nothing, so that
// -cpu 1,2 shows what another processor is good for. An operation is one message to one of
// them: "burst" has 64 messages under way, and "lone" one.
func BenchmarkFanOut(b *testing.B) {
	for name, inFlight := range map[string]int{"burst": 64, "lone": 1} {
		for _, clients := range []int{1000, 4000} {
			b.Run(fmt.Sprint(name, "/", clients), func(b *testing.B) { benchmarkFanOut(b, clients, inFlight) })
		}
	}
}

func benchmarkFanOut(b *testing.B, clients, inFlight int) {
	h, drain := muteAudience(b, clients)
	m := Message{Channel: "room.1", Event: "chat", Data: `{"text":"` + strings.Repeat("x", 245) + `"}`}
	publish := func() {
		if _, err := h.Publish(context.Background(), m); err != nil {
			b.Error(err)
		}
	}
	each := uint64(0) // bytes of a message for all
	for range 2 {     // The first time, clients may still be sent what they are told at first.
		before := h.flusher.Written()
		publish()
		await.Pass(200*time.Millisecond, "until the message is with all")
		each = h.flusher.Written() - before
	}
	drain()

	b.ReportAllocs()
	b.ResetTimer()
	begun, used, calls := h.flusher.Written(), wstest.CPUTime(b), wstest.WriteCalls(b)
	sent := 0
	for sent*clients < b.N {
		const round = 64 // messages, since clients read what comes before it is much more
		places := make(chan struct{}, inFlight+round)
		for range inFlight {
			places <- struct{}{}
		}
		var publishing sync.WaitGroup
		publishing.Go(func() {
			for range round {
				<-places
				publish()
			}
		})
		// A message has its place until it is with all.
		for done := 0; done < round; {
			await.Pass(100*time.Microsecond, "while the workers write")
			for ; h.flusher.Written()-begun >= uint64(sent+done+1)*each; done++ {
				places <- struct{}{}
			}
		}
		publishing.Wait()
		sent += round
		b.StopTimer()
		drained := wstest.CPUTime(b)
		drain()
		used += wstest.CPUTime(b) - drained
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(float64(wstest.CPUTime(b)-used)/float64(sent*clients), "cpu-ns/op")
	b.ReportMetric((wstest.WriteCalls(b)-calls)/float64(sent*clients), "writes/op")
}

// muteAudience is audience with clients on TCP that do not read: their kernels take what
// comes, and forget it with drain.
func muteAudience(b *testing.B, n int) (h *Handler, drain func()) {
	b.Helper()
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) {
		return &Claims{UID: "Jim", Channels: map[string]ChannelClaims{"room.1": {AutoSubscribe: Allow}}}, nil
	}})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	clients := make([]*wstest.Mute, n)
	for i := range clients {
		clients[i] = wstest.DialMute(b, l.Addr())
		if _, err := io.WriteString(clients[i], wstest.Request("/rt")); err != nil {
			b.Fatal(err)
		}
	}
	await.That(b, "all are subscribed", func() bool { return h.Stats().Subscriptions == n })
	b.Cleanup(func() {
		for _, c := range clients {
			_ = c.Close()
		}
		_ = server.Close()
		<-served
		if err := h.Close(); err != nil {
			b.Error(err)
		}
	})
	return h, func() {
		for _, c := range clients {
			c.Forget()
		}
	}
}
