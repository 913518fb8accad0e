// Command server is the library as a standalone server, for teams that want one
// beside their app. Run it with -h for its flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // schedules name time zones, and the machine may have none

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
)

// shutdownTime is how long connections and requests may take to end.
const shutdownTime = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	var client redis.UniversalClient
	if c.redis != "" {
		if client, err = useRedis(&c.options, c.redis, c.keyPrefix); err != nil {
			return err
		}
		defer client.Close()
	}
	events, err := openSinks(c, client)
	if err != nil {
		return errors.Join(err, events.close(ctx))
	}
	c.options.Events = hotsock.EventSinks(events.all...)
	err = serve(ctx, c)
	end, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return errors.Join(err, events.close(end))
}

func newServer(c *config, handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    c.maxHeader,
		IdleTimeout:       2 * time.Minute,
	}
}

// serve runs the handler until ctx ends.
func serve(ctx context.Context, c *config) error {
	rt, err := hotsock.New(c.options)
	if err != nil {
		return err
	}
	mux, err := routes(c, rt)
	if err != nil {
		return errors.Join(err, rt.Close())
	}
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		return errors.Join(err, rt.Close())
	}
	s := newServer(c, mux)
	served := make(chan error, 1)
	root := "http://" + l.Addr().String()
	if c.tlsCert == "" {
		go func() { served <- s.Serve(l) }()
	} else {
		root = "https://" + l.Addr().String()
		go func() { served <- s.ServeTLS(l, c.tlsCert, c.tlsKey) }()
	}
	slog.Info("listening", "url", root+c.prefix)
	if c.console {
		slog.Warn("whoever reaches the console may do anything: it is for development", "url", root+"/console/")
	}

	select {
	case err = <-served:
	case <-ctx.Done():
		slog.Info("shutting down")
	}
	end, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return errors.Join(err, rt.Shutdown(end), s.Shutdown(end))
}

func routes(c *config, rt *hotsock.Handler) (http.Handler, error) {
	mux := http.NewServeMux()
	if c.prefix != "/" {
		mux.Handle(c.prefix, rt)
		mux.Handle(c.prefix+"/", rt)
	} else {
		mux.Handle("/", rt)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := rt.Ready(r.Context()); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	if c.pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	if c.console {
		page, err := newConsole(c, rt)
		if err != nil {
			return nil, err
		}
		mux.Handle("/console/", page)
	}
	return mux, nil
}
