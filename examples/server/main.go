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
	"strings"
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

// config is what the flags say.
type config struct {
	addr, prefix, redis, keyPrefix string
	events, eventStream            string
	webhooks, webhookKeys          []string
	webhookInsecure                bool
	pprof, console                 bool
	key                            hotsock.SigningKey
	options                        hotsock.Options
}

func parse(args []string) (*config, error) {
	var c config
	var secret, origins string
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.StringVar(&c.addr, "addr", "127.0.0.1:8080", "listen on this `host:port`")
	f.StringVar(&c.prefix, "prefix", "/rt/", "serve under this `path`")
	f.BoolVar(&c.options.Compress, "compress", false, "compress messages for clients that offer it")
	f.StringVar(&secret, "hs256-secret", "", "verify tokens with this HS256 `secret` (required)")
	repeatable := func(values *[]string, name, usage string) {
		f.Func(name, usage, func(value string) error {
			*values = append(*values, value)
			return nil
		})
	}
	repeatable(&c.options.APIKeys, "api-key", "`key` of the server's HTTP API (repeatable; none: no such API)")
	f.StringVar(&c.redis, "redis", "", "keep state in the Redis at this `URL` (default: in memory)")
	f.StringVar(&c.keyPrefix, "key-prefix", "", "`prefix` of all keys in Redis")
	f.StringVar(&origins, "allowed-origins", "", "comma-separated `patterns` of browser origins, * for any (default: the same origin)")
	f.StringVar(&c.events, "events", "", "append backend events as lines of JSON to this `file`, - for standard output")
	f.StringVar(&c.eventStream, "event-stream", "", "append backend events to the stream at this `key` of the Redis, for workers")
	repeatable(&c.webhooks, "webhook", "send backend events to this `URL` (repeatable)")
	repeatable(&c.webhookKeys, "webhook-key", "sign them with this `key`, whsec_... or whsk_... (repeatable, for changing it)")
	f.BoolVar(&c.webhookInsecure, "webhook-insecure", false, "allow webhooks without TLS and to addresses that are not public")
	f.DurationVar(&c.options.MaxConnectionDuration, "max-connection", 2*time.Hour, "end connections after this time")
	f.DurationVar(&c.options.IdleTimeout, "idle-timeout", 10*time.Minute, "end connections that are silent for this time")
	f.DurationVar(&c.options.KeepAliveInterval, "keepalive", 9*time.Minute+30*time.Second, "send keep-alives in this interval, where the token asks for them")
	f.DurationVar(&c.options.ReplayWindow, "replay-window", 2*time.Minute, "messages can be caught up with for this time")
	f.DurationVar(&c.options.NodeTimeout, "node-timeout", 6*time.Second, "a node that is silent for this time is dead")
	f.BoolVar(&c.console, "console", false, "serve a console for development under /console/, on a loopback address only")
	f.BoolVar(&c.pprof, "pprof", false, "serve profiles under /debug/pprof/")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if secret == "" {
		return nil, errors.New("-hs256-secret is required")
	}
	if c.console {
		if err := checkLoopback(c.addr); err != nil {
			return nil, err
		}
	}
	c.key = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte(secret)}
	c.options.Keys = []hotsock.Key{c.key.Key()}
	if origins != "" {
		c.options.AllowedOrigins = strings.Split(origins, ",")
	}
	c.prefix = "/" + strings.Trim(c.prefix, "/")
	return &c, nil
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
	s := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	slog.Info("listening", "url", "http://"+l.Addr().String()+c.prefix)
	if c.console {
		slog.Warn("whoever reaches the console may do anything: it is for development", "url", "http://"+l.Addr().String()+"/console/")
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
