package hotsock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// Options configure a [Handler]. The zero value of each field is a good
// default; only who may connect must be said, with Keys, KeyLookup or
// Authenticate. Nodes that share a store must be given equal options.
type Options struct {
	// Keys verify the signatures of tokens. Several can be given, so that keys
	// can be rotated.
	Keys []Key
	// KeyLookup finds further keys by the token's "kid" and "alg", from a JWKS
	// for instance. It is called for tokens that no key of Keys verifies, once
	// more for those that no key which it returned verifies (LookupRepeated), and
	// must be quick and safe for concurrent use. An error means that nobody
	// knows: clients are told to come back. For "Ed25519" it is asked for
	// "EdDSA".
	KeyLookup func(ctx context.Context, id, algorithm string) ([]Key, error)
	// Audience, if not "", must be among the "aud" of every token.
	Audience string
	// Issuer, if not "", must be the "iss" of every token.
	Issuer string
	// ClockSkew is how far the clock of whoever signs tokens may be off: a token
	// is accepted that long before its "nbf" and "iat" and after its "exp".
	// Defaults to 5 s, at most 5 min; a negative value means none.
	ClockSkew time.Duration
	// Authenticate replaces connect tokens: it says from the upgrade request,
	// by a session cookie for instance, who connects and what they may do. An
	// error refuses the connection with 401, or with its own code if it is an
	// [*Error]. Nothing else of the error is shown. The request must not be
	// used after returning. Subscribe and umd tokens still need Keys.
	Authenticate func(r *http.Request) (*Claims, error)
	// APIKeys are the keys of the server's HTTP API. Several can be given, so
	// that they can be rotated. Without any, that API does not exist.
	APIKeys []string

	// AllowedOrigins are the browser origins that may connect and call the
	// client's HTTP API, besides the server's own: host patterns such as
	// "app.example.com" and "*.example.com" (in the syntax of path.Match), also
	// with a scheme ("https://*.example.com") and a port ("localhost:*"). Without
	// a port the scheme's default is meant. "*" alone allows all, "null" pages
	// that are sandboxed or from a file, and "file://" or "app://" pages whose
	// origin is only a scheme, as in some apps. Defaults to the same origin for
	// WebSockets and any origin for the HTTP API, which is protected by the
	// connection's secret and not by cookies.
	AllowedOrigins []string
	// AllowedHeaders are request headers that pages of other origins may send to
	// the client's HTTP API, besides Content-Type and those of common libraries
	// for tracing (traceparent, baggage, sentry-trace and others): what a
	// library adds to all requests of your pages. None of them is looked at.
	AllowedHeaders []string
	// ClientIP finds the address of a request's client, for events. Defaults
	// to that of the network connection; behind a proxy that sets a header,
	// read it here.
	ClientIP func(r *http.Request) string

	// Compress lets clients have messages compressed (permessage-deflate, RFC
	// 7692), if they offer it as browsers do. A message is compressed once for
	// all subscribers, and only if it is longer than 256 bytes. It saves traffic
	// and costs CPU: roughly 10 µs for each message, and 1 µs more for each
	// KiB of it. Defaults to no.
	Compress bool

	// Store keeps the state that nodes share. Defaults to a memory store of
	// this handler's own.
	Store store.Store
	// Scheduler keeps schedules. Defaults to that of the Store.
	Scheduler store.Scheduler
	// Events gets to know what happens. Defaults to nobody.
	Events EventSink
	// Observer is told of operations while they happen, for metrics and traces.
	// Defaults to nobody.
	Observer Observer
	// Logger defaults to slog.Default(). It never gets tokens, secrets, or
	// what messages contain. Values of more than 1 KiB are cut.
	Logger *slog.Logger

	// MaxConnectionDuration ends every connection at that age. Defaults to 2 h.
	MaxConnectionDuration time.Duration
	// IdleTimeout ends a connection on which no message was sent or received
	// for so long. Defaults to 10 min.
	IdleTimeout time.Duration
	// KeepAliveInterval is the time between hotsock.keepAlive messages to
	// connections whose token asks for them. Defaults to 9.5 min.
	KeepAliveInterval time.Duration
	// WriteTimeout is how long a client may receive nothing at all of what
	// waits for it before it is disconnected as too slow; on systems other than
	// Linux, while the kernel takes nothing more for it. Whoever receives
	// something, however slowly, is disconnected only if more than MaxQueueSize
	// waits, or if a close takes ten times as long. Defaults to 10 s.
	WriteTimeout time.Duration
	// StoreTimeout bounds each operation of the store; it is then UNAVAILABLE.
	// Defaults to 1 s.
	StoreTimeout time.Duration
	// NodeTimeout is how long a node may be silent before the others remove
	// what it left behind. Defaults to 6 s, at least 1 s.
	NodeTimeout time.Duration
	// ReplayWindow is how long messages can be caught up with that are not
	// stored longer. Defaults to 2 min.
	ReplayWindow time.Duration
	// ReplayLimit is how many messages a channel keeps for that, and how many
	// a client can catch up with. Defaults to 1000, at most 100,000.
	ReplayLimit int
	// DeduplicationWindow is for how long a deduplicationId is remembered.
	// Defaults to 5 min.
	DeduplicationWindow time.Duration

	// MaxFrameSize is the length of the longest WebSocket message accepted, in
	// bytes. Defaults to 128 KiB.
	MaxFrameSize int
	// MaxBodySize is the same for HTTP bodies. Defaults to 256 KiB.
	MaxBodySize int
	// MaxDataSize is the same for the data of messages and storage entries.
	// Defaults to 32 KiB.
	MaxDataSize int
	// MaxMetadataSize is the same for user metadata. Defaults to 1 KiB.
	MaxMetadataSize int
	// MaxMembersSize is how long a presence channel's list of members may get,
	// in bytes of JSON. Defaults to 100 KB.
	MaxMembersSize int
	// MaxQueueSize is how many bytes may wait to be sent to a client before it
	// is disconnected as too slow. Defaults to 4 MiB.
	MaxQueueSize int
	// MaxSubscriptions of one connection. Defaults to 1000.
	MaxSubscriptions int
	// MaxSchedules is how many schedules may be pending on a channel for a
	// client to add one. The server's API may add more. Defaults to 1000.
	MaxSchedules int
	// MaxReactions is the same for the reactions to a message, of all users
	// together. Defaults to 10,000.
	MaxReactions int

	// ConnectionRateLimit bounds the commands of each connection: those that it
	// sends, and the client's HTTP API called on its behalf, on any node. What
	// exceeds it is refused with RATE_LIMITED; a subscribe is carried out
	// later. Pings, heartbeats and unsubscribes are not limited, but a client
	// that goes on to send ten times what it may is disconnected; for that, the
	// frames of the WebSocket protocol itself count too. What the
	// token subscribes by itself does not count, nor does the server's API.
	// Attempts to connect are not limited: that is the task of the proxy.
	ConnectionRateLimit RateLimit
	// UserRateLimit bounds the same for all connections of a user id together,
	// besides ConnectionRateLimit. Each node counts for itself the connections
	// that it holds, so that a user of several nodes can do more.
	UserRateLimit RateLimit
}

// orDefault sets a field that was left zero.
func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *Options) setDefaults() {
	if o.Store == nil {
		o.Store = storememory.New()
	}
	if o.Scheduler == nil {
		o.Scheduler = o.Store.Scheduler()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.ClientIP == nil {
		o.ClientIP = remoteIP
	}
	orDefault(&o.ClockSkew, 5*time.Second)
	o.ClockSkew = max(o.ClockSkew, 0)
	orDefault(&o.MaxConnectionDuration, 2*time.Hour)
	orDefault(&o.IdleTimeout, 10*time.Minute)
	orDefault(&o.KeepAliveInterval, 9*time.Minute+30*time.Second)
	orDefault(&o.WriteTimeout, 10*time.Second)
	orDefault(&o.StoreTimeout, time.Second)
	orDefault(&o.NodeTimeout, 6*time.Second)
	orDefault(&o.ReplayWindow, 2*time.Minute)
	orDefault(&o.ReplayLimit, 1000)
	orDefault(&o.DeduplicationWindow, 5*time.Minute)
	orDefault(&o.MaxFrameSize, 128<<10)
	orDefault(&o.MaxBodySize, 256<<10)
	orDefault(&o.MaxDataSize, 32<<10)
	orDefault(&o.MaxMetadataSize, 1<<10)
	orDefault(&o.MaxMembersSize, 100_000)
	orDefault(&o.MaxQueueSize, 4<<20)
	orDefault(&o.MaxSubscriptions, 1000)
	orDefault(&o.MaxSchedules, 1000)
	orDefault(&o.MaxReactions, 10_000)
	o.ConnectionRateLimit.setDefaults()
	o.UserRateLimit.setDefaults()
}

// validate returns everything that is wrong with the options, defaults set.
func (o *Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("hotsock: Options."+format, args...))
	}
	if len(o.Keys) == 0 && o.KeyLookup == nil && o.Authenticate == nil {
		bad("Keys, KeyLookup or Authenticate must be set: else nobody could connect")
	}
	for i, k := range o.APIKeys {
		// One that no header can carry would never be accepted.
		switch {
		case k == "":
			bad("APIKeys[%d] is empty", i)
		case k != strings.TrimSpace(k):
			bad("APIKeys[%d] has white space around it", i)
		case strings.ContainsFunc(k, unicode.IsControl):
			bad("APIKeys[%d] has a control character in it", i)
		}
	}
	for i, p := range o.AllowedOrigins {
		if err := checkOrigin(p); err != nil {
			bad("AllowedOrigins[%d] is %q, which matches no origin: %w", i, p, err)
		}
	}
	for i, name := range o.AllowedHeaders {
		if err := checkHeader(name); err != nil {
			bad("AllowedHeaders[%d] is %q: %w", i, name, err)
		}
	}
	if o.ClockSkew > maxClockSkew {
		bad("ClockSkew is %v, the most is %v", o.ClockSkew, maxClockSkew)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"MaxConnectionDuration", o.MaxConnectionDuration, time.Second},
		{"IdleTimeout", o.IdleTimeout, time.Second},
		{"KeepAliveInterval", o.KeepAliveInterval, time.Second},
		{"WriteTimeout", o.WriteTimeout, time.Millisecond},
		{"StoreTimeout", o.StoreTimeout, time.Millisecond},
		{"NodeTimeout", o.NodeTimeout, time.Second},
		{"ReplayWindow", o.ReplayWindow, time.Millisecond},
		{"DeduplicationWindow", o.DeduplicationWindow, time.Millisecond},
	} {
		if d.value < d.least {
			bad("%s is %v, the least is %v", d.name, d.value, d.least)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"ReplayLimit", o.ReplayLimit},
		{"MaxFrameSize", o.MaxFrameSize},
		{"MaxBodySize", o.MaxBodySize},
		{"MaxDataSize", o.MaxDataSize},
		{"MaxMetadataSize", o.MaxMetadataSize},
		{"MaxMembersSize", o.MaxMembersSize},
		{"MaxQueueSize", o.MaxQueueSize},
		{"MaxSubscriptions", o.MaxSubscriptions},
		{"MaxSchedules", o.MaxSchedules},
		{"MaxReactions", o.MaxReactions},
	} {
		if n.value < 1 {
			bad("%s is %d, the least is 1", n.name, n.value)
		}
	}
	if o.ReplayLimit > maxReplayLimit {
		bad("ReplayLimit is %d, the most is %d", o.ReplayLimit, maxReplayLimit)
	}
	for name, l := range map[string]RateLimit{
		"ConnectionRateLimit": o.ConnectionRateLimit, "UserRateLimit": o.UserRateLimit,
	} {
		if !l.valid() {
			bad("%s is %v a second, %d at once: neither a limit nor none", name, l.PerSecond, l.Burst)
		}
	}
	return errors.Join(errs...)
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
