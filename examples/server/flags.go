package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
)

// config is what the flags say.
type config struct {
	addr, prefix, redis, keyPrefix string
	events, eventStream            string
	webhooks, webhookKeys          []string
	webhookInsecure                bool
	tlsCert, tlsKey                string
	maxHeader                      int
	pprof, console                 bool
	key                            hotsock.SigningKey
	options                        hotsock.Options
}

func parse(args []string) (*config, error) {
	var c config
	var secret, origins, headers string
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprint(f.Output(), "Usage of server: what is secret is best given as a file or in the environment, since command lines are\nseen by everybody on the machine.\n")
		f.PrintDefaults()
	}
	f.StringVar(&c.addr, "addr", "127.0.0.1:8080", "listen on this `host:port`")
	f.StringVar(&c.tlsCert, "tls-cert", "", "serve with TLS, with the certificate and its chain in this PEM `file`")
	f.StringVar(&c.tlsKey, "tls-key", "", "PEM `file` with the key of -tls-cert")
	f.StringVar(&c.prefix, "prefix", "/rt/", "serve under this `path`")
	f.BoolVar(&c.options.Compress, "compress", false, "compress messages for clients that offer it")
	secretFlags(f, "hs256-secret", "verify tokens with this HS256 `secret` of at least 32 bytes (required)", one(&secret))
	secretFlags(f, "api-key", "`key` of the server's HTTP API (repeatable; none: no such API)", more(&c.options.APIKeys))
	secretFlags(f, "redis", "keep state in the Redis at this `URL` (default: in memory)", one(&c.redis))
	f.StringVar(&c.keyPrefix, "key-prefix", "", "`prefix` of all keys in Redis")
	f.StringVar(&origins, "allowed-origins", "", "comma-separated `patterns` of browser origins, * for any (default: the same origin)")
	f.StringVar(&headers, "allowed-headers", "", "comma-separated `names` of request headers that pages may add to HTTP calls (those for tracing they may)")
	f.StringVar(&c.events, "events", "", "append backend events as lines of JSON to this `file`, - for standard output")
	f.StringVar(&c.eventStream, "event-stream", "", "append backend events to the stream at this `key` of the Redis, for workers")
	secretFlags(f, "webhook", "send backend events to this `URL` (repeatable)", more(&c.webhooks))
	secretFlags(f, "webhook-key", "sign them with this `key`, whsec_... or whsk_... (repeatable, for changing it)", more(&c.webhookKeys))
	f.BoolVar(&c.webhookInsecure, "webhook-insecure", false, "allow webhooks without TLS and to addresses that are not public")
	rateFlags(f, "connection", "each connection", &c.options.ConnectionRateLimit)
	rateFlags(f, "user", "all connections of a user on this node together", &c.options.UserRateLimit)
	f.IntVar(&c.maxHeader, "max-header", 16<<10, "refuse requests whose headers, the URL with its token among them, have more `bytes`")
	f.DurationVar(&c.options.ClockSkew, "clock-skew", 5*time.Second, "how far the clock of whoever signs tokens may be off")
	f.DurationVar(&c.options.MaxConnectionDuration, "max-connection", 2*time.Hour, "end connections after this time")
	f.DurationVar(&c.options.IdleTimeout, "idle-timeout", 10*time.Minute, "end connections without a message for this time")
	f.DurationVar(&c.options.PingInterval, "ping-interval", 25*time.Second, "ping clients that are silent for this time; less than 0 for never")
	f.DurationVar(&c.options.PongTimeout, "pong-timeout", 10*time.Second, "end connections that are silent for this time after a ping")
	f.DurationVar(&c.options.KeepAliveInterval, "keepalive", 9*time.Minute+30*time.Second, "send keep-alives in this interval, where the token asks for them")
	f.DurationVar(&c.options.ReplayWindow, "replay-window", 2*time.Minute, "messages can be caught up with for this time")
	f.DurationVar(&c.options.PresenceGrace, "presence-grace", 0, "users stay members for this time after their connection broke")
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
		return nil, errors.New("-hs256-secret, -hs256-secret-env or -hs256-secret-file is required")
	}
	if c.options.ClockSkew == 0 {
		c.options.ClockSkew = -1 // zero is the default there
	}
	if c.maxHeader < 1 {
		return nil, errors.New("-max-header is less than 1")
	}
	if (c.tlsCert == "") != (c.tlsKey == "") {
		return nil, errors.New("-tls-cert and -tls-key are of no use without each other")
	}
	if c.console {
		if err := checkLoopback(c.addr); err != nil {
			return nil, err
		}
	}
	c.key = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte(secret)}
	c.options.Keys = []hotsock.Key{c.key.Key()}
	c.options.AllowedOrigins, c.options.AllowedHeaders = list(origins), list(headers)
	c.prefix = "/" + strings.Trim(c.prefix, "/")
	return &c, nil
}

// secretFlags defines three flags for something that may be secret: one with the
// value itself, one that names a variable of the environment which has it, and
// one that names a file, where a line end after it does not count.
func secretFlags(f *flag.FlagSet, name, usage string, set func(value string)) {
	check := func(value, where string) error {
		if value == "" {
			return errors.New(where + " is empty")
		}
		set(value)
		return nil
	}
	f.Func(name, usage, func(value string) error { return check(value, "it") })
	f.Func(name+"-env", "the same, from the environment `variable` of this name", func(variable string) error {
		value, ok := os.LookupEnv(variable)
		if !ok {
			return errors.New("the environment has no such variable")
		}
		return check(value, "the variable")
	})
	f.Func(name+"-file", "the same, from this `file`", func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		return check(value, "the file")
	})
}

// one keeps the last value, and more keeps all.
func one(value *string) func(string)     { return func(v string) { *value = v } }
func more(values *[]string) func(string) { return func(v string) { *values = append(*values, v) } }

// rateFlags defines the flags of a rate limit.
func rateFlags(f *flag.FlagSet, name, who string, limit *hotsock.RateLimit) {
	f.Float64Var(&limit.PerSecond, name+"-rate", 0, "how many `commands` a second "+who+" may send on average (default: any number)")
	f.IntVar(&limit.Burst, name+"-burst", 0, "how many `commands` it may send at once (default: those of a second)")
}

// list splits what commas separate.
func list(text string) []string {
	if text == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}
