// Command routers mounts the handler with net/http, chi, gin and echo, each in
// the way that docs/mounting.md shows, and can be asked whether it is well.
//
//	go run . -router chi
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hotsock-go/hotsock"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	router := flag.String("router", "net/http", "net/http, StripPrefix, chi, gin or echo")
	flag.Parse()
	mount, ok := routers[*router]
	if !ok {
		log.Fatalf("there is no router %q", *router)
	}
	// Everybody may hear the news, and nobody says anything.
	rt, err := hotsock.New(hotsock.Options{Authenticate: func(*http.Request) (*hotsock.Claims, error) {
		return &hotsock.Claims{Channels: map[string]hotsock.ChannelClaims{
			"news": {AutoSubscribe: hotsock.Allow},
		}}, nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, withHealth(rt, mount(rt)), rt); err != nil {
		log.Print(err)
	}
}

// serve serves until ctx ends, and then shuts both down.
func serve(ctx context.Context, addr string, app http.Handler, rt *hotsock.Handler) error {
	server := &http.Server{Addr: addr, Handler: app, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return errors.Join(err, rt.Close())
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(ctx), rt.Shutdown(ctx))
}

// withHealth adds what load balancers and orchestrators ask.
func withHealth(rt *hotsock.Handler, app http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", app)
	// Whether the process is to be restarted: not because Redis is away.
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	// Whether it is to get new requests.
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := rt.Ready(r.Context()); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	return mux
}
