package proxytest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const apiKey = "the key of the proxies' tests"

var signing = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("the proxies' tests have this secret")}

// A node can be restarted at its address.
type node struct {
	addr   string
	store  store.Store
	events hotsock.EventSink
	// pingInterval and pongTimeout may be 0 for the defaults.
	pingInterval, pongTimeout time.Duration

	rt     *hotsock.Handler
	server *http.Server
	served chan struct{}
}

func (n *node) start(t *testing.T) {
	t.Helper()
	var err error
	n.rt, err = hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{signing.Key()}, APIKeys: []string{apiKey},
		Store: n.store, Events: n.events,
		PingInterval: n.pingInterval, PongTimeout: n.pongTimeout,
		Logger:       slog.New(slog.DiscardHandler),
		StoreTimeout: 10 * time.Second, // the machine may be busy
		ClientIP: func(r *http.Request) string { // as the guide shows it
			all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			return strings.TrimSpace(all[len(all)-1])
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/rt", n.rt)
	mux.Handle("/rt/", n.rt)
	rt := n.rt
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := rt.Ready(r.Context()); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /rt/text", func(w http.ResponseWriter, _ *http.Request) { // which proxies may compress
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strings.Repeat("text ", 2000))
	})
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	n.server, n.served = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}, make(chan struct{})
	go func() {
		defer close(n.served)
		_ = n.server.Serve(l)
	}()
}

// stop shuts the node down as the guide shows it.
func (n *node) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := errors.Join(n.server.Shutdown(ctx), n.rt.Shutdown(ctx)); err != nil {
		t.Error(err)
	}
	<-n.served
}

// patience is how long to wait for what must come.
const patience = 20 * time.Second
