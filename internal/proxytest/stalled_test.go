package proxytest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/wstest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// A client behind a proxy stops reading, on a busy channel and on one that falls silent
// then. What the proxy takes for it is bounded, and so is what waits here. The client is
// gone when that is too much, or 10 s later, and nobody else waits for it.
func TestStalledReaderBehindProxies(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes half a minute")
	}
	for _, p := range proxies {
		for name, busy := range map[string]bool{"busy": true, "silent": false} {
			t.Run(p.program+", "+name, func(t *testing.T) {
				t.Parallel()
				stalled(t, &p, busy)
			})
		}
	}
}

func stalled(t *testing.T, p *proxy, busy bool) {
	const (
		size = 20_000
		// promised is WriteTimeout, in which the kernel has to take something, and a
		// machine that others share.
		promised = 10*time.Second + 5*time.Second
		// buffered is what proxies and kernels take for a client that does not read.
		buffered = 64 << 20
		most     = 4 << 20 // MaxQueueSize
	)
	n := &node{addr: freeport.Keep(t), store: storememory.New()}
	n.start(t)
	t.Cleanup(func() { n.stop(t) })
	url := "ws://" + p.start(t, [2]string{n.addr, n.addr}).addr + "/rt?token=" + autoToken(t)
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	good := wstest.Connect(t, url, wstest.Options{HTTPClient: web})
	wstest.Connect(t, url, wstest.Options{HTTPClient: web}) // reads nothing more
	await.That(t, "both to be there", func() bool { return n.rt.Stats().Subscriptions == 2 })

	data := strings.Repeat("x", size)
	sent, waited := 0, int64(0)
	publish := func() {
		t.Helper()
		id := fmt.Sprint(sent)
		if _, err := n.rt.Publish(context.Background(), hotsock.Message{Channel: "room", Event: "e", Data: id + data}); err != nil {
			t.Fatal(err)
		}
		sent += size
		for f := good.Next(); !strings.HasPrefix(string(f.Data), `"`+id+"x"); f = good.Next() {
			continue // what comes with the subscription
		}
		waited = max(waited, n.rt.Stats().QueuedBytes)
	}
	gone := func() bool { return n.rt.Stats().Subscriptions == 1 }
	for n.rt.Stats().QueuedBytes < 10*size && !gone() {
		if publish(); sent > buffered {
			t.Fatalf("%d bytes were sent, and nothing waits", sent)
		}
	}
	began := time.Now()
	for busy && !gone() && time.Since(began) < promised {
		publish()
	}
	await.Within(t, promised, "the client to be gone", gone)
	took := time.Since(began)
	await.That(t, "it to be counted as slow, and nothing to wait", func() bool {
		s := n.rt.Stats()
		return s.Disconnected["slow"] == 1 && s.QueuedBytes == 0
	})
	t.Logf("gone after %v and %d MB, of which %d KB waited at most", took, sent/1_000_000, waited/1000)
	if took > promised || waited > most+size {
		t.Errorf("gone after %v, and %d bytes waited at most", took, waited)
	}
	publish() // for the other one
}
