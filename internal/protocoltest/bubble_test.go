package protocoltest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/pipe"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// inBubble runs a test on n nodes on one memory store, in a bubble with a clock
// of its own: waiting costs nothing. The servers are reached over pipes.
func inBubble(t *testing.T, n int, set func(*hotsock.Options), f func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &env{events: new(eventLog), logs: new(logBuffer), patience: 10 * time.Hour}
		e.http = &http.Client{}
		servers := make(map[string]*pipe.Listener)
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return servers[address].DialContext(ctx, network, address)
		}}
		e.http.Transport = transport
		t.Cleanup(func() {
			transport.CloseIdleConnections()
			e.logs.showIfFailed(t)
			synctest.Wait()
		})
		s := storememory.New()
		for i := range n {
			h := e.start(t, s, set)
			host := fmt.Sprintf("node%d", i)
			l := pipe.Listen()
			servers[host+":80"] = l
			srv := &http.Server{Handler: mount(h)}
			go func() { _ = srv.Serve(l) }()
			t.Cleanup(func() { _ = srv.Close() })
			e.nodes = append(e.nodes, &node{h, "http://" + host + "/rt"})
		}
		f(t, e)
	})
}
