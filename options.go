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
// default, but one of Keys, KeyLookup and Authenticate must say who may connect.
// Nodes that share a store must have equal options.
type Options struct {
	// Keys verify the signatures of tokens. To rotate keys, give several.
	Keys []Key
	// KeyLookup finds more keys by the token's "kid" and "alg", for instance in
	// a JWKS. It is called for tokens that no key of Keys verifies, and once
	// more if none of the keys that it returned verifies the token (see
	// LookupRepeated). It must be quick and safe for concurrent use. An error
	// means that the keys are not known now: clients are told to come back. For
	// "Ed25519" it is asked for "EdDSA".
	KeyLookup func(ctx context.Context, id, algorithm string) ([]Key, error)
	// Audience, if not "", must be among the "aud" of every token.
	Audience string
	// Issuer, if not "", must be the "iss" of every token.
	Issuer string
	// ClockSkew is how far the clock of the tokens' issuer may be off: a token
	// is accepted that long before its "nbf" and "iat" and after its "exp".
	// Defaults to 5 s, at most 5 min; a negative value means none.
	ClockSkew time.Duration
	// MaxTokenLifetime, if not 0, refuses tokens that expire further in the future, with
	// ClockSkew on top. [Handler.Revoke] remembers for as long, so no longer token can
	// come back after that. If it is 0, a [Revocation] must say how long.
	MaxTokenLifetime time.Duration
	// Authenticate replaces connect tokens: it tells from the upgrade request,
	// for instance from a session cookie, who connects and what they may do. An
	// error refuses the connection with 401, or with its own code if it is an
	// [*Error]. Clients see nothing else of the error. The request must not be
	// used after Authenticate returns. [RequestToken] finds a token of the app's own
	// in it. Subscribe and umd tokens still need Keys.
	Authenticate func(r *http.Request) (*Claims, error)
	// Hooks are asked before something is done that a client wants.
	Hooks Hooks
	// APIKeys are the keys of the server's HTTP API. To rotate keys, give
	// several. Without any, and without CheckAPIKey, the API is off.
	APIKeys []string
	// CheckAPIKey is asked about each request of the server's HTTP API whose key,
	// of at most 1 KiB, is not among APIKeys: so keys can be added and removed
	// while the handler runs. Look up the key's hash, or compare in constant time.
	// An error means that it cannot be known now: the request gets 503. It must be
	// safe for concurrent use, and gets StoreTimeout.
	CheckAPIKey func(ctx context.Context, key string) (bool, error)

	// AllowedOrigins are the browser origins that may connect and call the
	// client's HTTP API, besides the server's own: host patterns such as
	// "app.example.com" and "*.example.com" (in the syntax of path.Match), also
	// with a scheme ("https://*.example.com") and a port ("localhost:*"). Without
	// a port, the scheme's default is meant. "*" alone allows all origins,
	// "null" pages that are sandboxed or come from a file, and "file://" or
	// "app://" pages whose origin is only a scheme, as in some apps. Defaults to
	// the same origin for WebSockets and any origin for the HTTP API, which the
	// connection's secret protects, and not cookies.
	AllowedOrigins []string
	// AllowedHeaders are request headers that pages of other origins may send to
	// the client's HTTP API, besides Content-Type and the headers of common
	// tracing libraries (traceparent, baggage, sentry-trace and others). List
	// what other libraries add to all requests of your pages. The handler ignores
	// their values.
	AllowedHeaders []string
	// ClientIP returns the address of a request's client, for events, hooks and what
	// is stored. Behind a proxy that sets a header, read the header here. Defaults to
	// that of the network connection.
	ClientIP func(r *http.Request) string
	// OmitClientAddress leaves the address and the user agent of clients out of what
	// the store keeps about who made a message, an entry, a reaction or a schedule;
	// otherwise a stored message has them for as long as it is stored. Events of
	// reactions, and of what happens later, when an entry expires or something
	// scheduled is carried out, lack them too. Hooks, calls, other events and the list
	// of connections still have them. Defaults to no.
	OmitClientAddress bool

	// Compress compresses messages (permessage-deflate, RFC 7692) for clients
	// that offer it, as browsers do. A message is compressed once for all
	// subscribers, and only if it is longer than 256 bytes. This saves traffic
	// and costs CPU: roughly 10 µs for each message, and 1 µs more for each KiB
	// of it. Defaults to no.
	Compress bool

	// Store keeps the state that nodes share. Defaults to a memory store, which
	// only this handler uses.
	Store store.Store
	// Scheduler keeps schedules. Defaults to that of the Store.
	Scheduler store.Scheduler
	// Events receives what happens. Defaults to nobody.
	Events EventSink
	// Observer is told of operations while they happen, for metrics and traces.
	// Defaults to nobody.
	Observer Observer
	// Logger gets the handler's log, but never tokens, secrets, or what messages
	// contain. Values of more than 1 KiB are cut. Defaults to slog.Default().
	Logger *slog.Logger

	// MaxConnectionDuration is the age at which a connection is closed at the latest,
	// counted from the last hotsock.refresh of its client. Each is closed up to a tenth
	// earlier, by chance, so that those which came together do not come back together.
	// Defaults to 2 h.
	MaxConnectionDuration time.Duration
	// IdleTimeout closes a connection on which no message was sent or received
	// for that long, whether somebody is there or not. Defaults to 10 min.
	IdleTimeout time.Duration
	// PingInterval is how long a client may send nothing at all until it is sent
	// a ping of the WebSocket protocol, which browsers and WebSocket libraries
	// answer by themselves; a library may do so only while the program reads. The
	// first ping may come after half of that, so that clients which come together
	// are not pinged together. Defaults to 25 s; less than 0 turns pings off, and
	// then a client that vanished without a word stays until IdleTimeout, or for
	// as long as it is sent something and the network does not report an error.
	PingInterval time.Duration
	// PongTimeout is how long a client may send nothing after a ping; then it is
	// disconnected as unresponsive, and the other members of its presence channels
	// are told at once. A client that is receiving what was written before the ping
	// has more time: until it has received that, where Linux knows, and else for as
	// long as 40 KiB/s take, as when a proxy may hold it. Defaults to 10 s.
	PongTimeout time.Duration
	// KeepAliveInterval is the time between hotsock.keepAlive messages to
	// connections whose token asks for them. Defaults to 9.5 min.
	KeepAliveInterval time.Duration
	// WriteTimeout is how long a client may receive nothing while something
	// waits for it; then it is disconnected as too slow. On systems other than
	// Linux, it is how long the kernel may take nothing more for the client. A
	// client that receives something, however slowly, is disconnected only if
	// more than MaxQueueSize waits, if it answers no pings, or if a close takes
	// ten times as long. Defaults to 10 s.
	WriteTimeout time.Duration
	// StoreTimeout bounds each operation of the store. One that takes longer
	// fails with UNAVAILABLE. A message may wait up to 10 s before that, while 256
	// others are on their way and some arrive. Defaults to 1 s.
	StoreTimeout time.Duration
	// PresenceGrace is how long a user stays a member of presence channels after
	// their last connection ended without having been closed by the client: the
	// network failed, the page was left or loaded again (a close with 1001), the
	// connection was too slow, idle or too old, or the node ended. Whoever comes
	// back in time has never left for the others, and events and the server's API
	// say the same. Clients that close otherwise or unsubscribe, and those that the
	// app disconnects or unsubscribes, are removed at once. Defaults to 0, at most
	// 5 min: until it is over, others see somebody who may be gone, and who takes up
	// room in the list of members. 5 s bridge reloads and rolling restarts.
	PresenceGrace time.Duration
	// NodeTimeout is how long a node may be silent before the others remove
	// what it left behind. Defaults to 6 s, at least 1 s.
	NodeTimeout time.Duration
	// ReplayWindow is how long clients can catch up with messages that are not
	// stored longer. Defaults to 2 min.
	ReplayWindow time.Duration
	// ReplayLimit is how many messages a channel keeps for that, and how many
	// a client can catch up with. Defaults to 1000, at most 100,000.
	ReplayLimit int
	// DeduplicationWindow is how long a deduplicationId is remembered. Defaults
	// to 5 min.
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
	// MaxStreamSize bounds the data of a message that grows by appends, in bytes of
	// JSON: see [Handler.Stream]. It is at most 8 MiB. Defaults to 1 MiB, or to
	// MaxDataSize if that is more.
	MaxStreamSize int
	// MaxMembersSize is the length of the longest list of members of a presence
	// channel that clients are sent whole, in bytes of JSON. Who subscribes to be
	// sent lists is refused beyond it. Defaults to 100 KB.
	MaxMembersSize int
	// MaxPresenceSize is the same for clients that follow the changes of members
	// instead, as the clients of this module do. They are sent the list once, so it
	// is at most MaxQueueSize. Defaults to 1 MB, or MaxQueueSize if that is less.
	MaxPresenceSize int
	// MaxQueueSize is how many bytes may wait to be sent to a client before it
	// is disconnected as too slow. What it has asked for, such as messages that it
	// missed, comes in addition, up to as much again. Defaults to 4 MiB.
	MaxQueueSize int
	// MaxTotalQueueSize is how many bytes may wait to be sent to all clients of
	// this node. What waits for several clients counts once, and up to 64 KiB of
	// each client's does not count. Beyond it, clients are disconnected as too
	// slow, those first that would need the longest to receive what waits for
	// them. Defaults to 256 MiB.
	MaxTotalQueueSize int
	// MaxSubscriptions is how many subscriptions one connection may have.
	// Defaults to 1000.
	MaxSubscriptions int
	// MaxSchedules is how many pending schedules a channel may have before
	// clients can add no more. The server's API can. Defaults to 1000.
	MaxSchedules int
	// MaxReactions is the same for the reactions of all users to a message.
	// Defaults to 10,000.
	MaxReactions int

	// MaxCalls is how many calls of methods each connection may have under way at
	// once, on each node that got some; further ones are refused with RATE_LIMITED.
	// Defaults to 16.
	MaxCalls int

	// ConnectionRateLimit bounds the commands of each connection: those that it
	// sends, and calls of the client's HTTP API on its behalf, on any node. A
	// command that exceeds it is refused with RATE_LIMITED; a subscribe is
	// carried out later. Pings, heartbeats and unsubscribes are not limited, but
	// a client that keeps sending ten times what it may is disconnected; there,
	// the frames of the WebSocket protocol itself count too. Subscriptions that
	// the token makes do not count, nor does the server's API. Attempts to
	// connect are not limited: leave that to the proxy.
	ConnectionRateLimit RateLimit
	// UserRateLimit bounds the same for all connections of a user id together,
	// in addition to ConnectionRateLimit. Each node counts only the connections
	// that it holds, so a user on several nodes can do more.
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
	orDefault(&o.PingInterval, 25*time.Second)
	o.PingInterval = max(o.PingInterval, 0)
	orDefault(&o.PongTimeout, 10*time.Second)
	orDefault(&o.KeepAliveInterval, 9*time.Minute+30*time.Second)
	orDefault(&o.WriteTimeout, 10*time.Second)
	orDefault(&o.StoreTimeout, time.Second)
	orDefault(&o.NodeTimeout, 6*time.Second)
	orDefault(&o.Hooks.Timeout, 5*time.Second)
	orDefault(&o.ReplayWindow, 2*time.Minute)
	orDefault(&o.ReplayLimit, 1000)
	orDefault(&o.DeduplicationWindow, 5*time.Minute)
	orDefault(&o.MaxFrameSize, 128<<10)
	orDefault(&o.MaxBodySize, 256<<10)
	orDefault(&o.MaxDataSize, 32<<10)
	orDefault(&o.MaxMetadataSize, 1<<10)
	orDefault(&o.MaxStreamSize, max(1<<20, o.MaxDataSize))
	orDefault(&o.MaxMembersSize, 100_000)
	orDefault(&o.MaxQueueSize, 4<<20)
	orDefault(&o.MaxPresenceSize, max(o.MaxMembersSize, min(1_000_000, o.MaxQueueSize)))
	orDefault(&o.MaxTotalQueueSize, max(256<<20, o.MaxQueueSize))
	orDefault(&o.MaxSubscriptions, 1000)
	orDefault(&o.MaxSchedules, 1000)
	orDefault(&o.MaxReactions, 10_000)
	orDefault(&o.MaxCalls, 16)
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
		bad("Keys, KeyLookup or Authenticate must be set: otherwise nobody could connect")
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
	if o.PingInterval != 0 && o.PingInterval < time.Second {
		bad("PingInterval is %v, the least is %v", o.PingInterval, time.Second)
	}
	if o.ClockSkew > maxClockSkew {
		bad("ClockSkew is %v, the most is %v", o.ClockSkew, maxClockSkew)
	}
	if o.MaxTokenLifetime < 0 {
		bad("MaxTokenLifetime is %v, the least is 0", o.MaxTokenLifetime)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"MaxConnectionDuration", o.MaxConnectionDuration, time.Second},
		{"IdleTimeout", o.IdleTimeout, time.Second},
		{"PongTimeout", o.PongTimeout, time.Second},
		{"KeepAliveInterval", o.KeepAliveInterval, time.Second},
		{"WriteTimeout", o.WriteTimeout, time.Millisecond},
		{"StoreTimeout", o.StoreTimeout, time.Millisecond},
		{"NodeTimeout", o.NodeTimeout, time.Second},
		{"Hooks.Timeout", o.Hooks.Timeout, time.Millisecond},
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
		{"MaxStreamSize", o.MaxStreamSize},
		{"MaxMembersSize", o.MaxMembersSize},
		{"MaxPresenceSize", o.MaxPresenceSize},
		{"MaxQueueSize", o.MaxQueueSize},
		{"MaxTotalQueueSize", o.MaxTotalQueueSize},
		{"MaxSubscriptions", o.MaxSubscriptions},
		{"MaxSchedules", o.MaxSchedules},
		{"MaxReactions", o.MaxReactions},
		{"MaxCalls", o.MaxCalls},
	} {
		if n.value < 1 {
			bad("%s is %d, the least is 1", n.name, n.value)
		}
	}
	if most := max(o.MaxQueueSize, o.MaxMembersSize); o.MaxPresenceSize > most {
		bad("MaxPresenceSize is %d, and no more than %d can be sent at once", o.MaxPresenceSize, most)
	}
	if o.PresenceGrace < 0 || o.PresenceGrace > maxPresenceGrace {
		bad("PresenceGrace is %v, and has to be from 0 to %v", o.PresenceGrace, maxPresenceGrace)
	}
	if o.MaxStreamSize > maxStreamSize {
		bad("MaxStreamSize is %d, the most is %d", o.MaxStreamSize, maxStreamSize)
	}
	if o.ReplayLimit > maxReplayLimit {
		bad("ReplayLimit is %d, the most is %d", o.ReplayLimit, maxReplayLimit)
	}
	for name, l := range map[string]RateLimit{
		"ConnectionRateLimit": o.ConnectionRateLimit, "UserRateLimit": o.UserRateLimit,
	} {
		if !l.valid() {
			bad("%s is %v a second, %d at once: not a valid limit", name, l.PerSecond, l.Burst)
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
