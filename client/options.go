package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Options say where and how to connect. URL is required; everything else has a
// default.
type Options struct {
	// URL is where the server mounted the handler, such as
	// https://app.example.com/rt. Its scheme is http, https, ws or wss. A query is
	// sent with every request.
	//
	// The client connects by WebSocket. If none gets through, because something on the
	// way refuses it, cuts it off or is silent, the next attempt is made without one, by
	// requests of HTTP only. A client that is connected in that way tries a WebSocket
	// beside it, after a minute at most, then less and less often, at last every hour. It
	// moves to one that gets through, which is a new connection, while no command waits
	// for its answer.
	URL string
	// Token returns a connect token. It is called for every attempt to connect,
	// so it should ask the app for a new one. Its context ends with the
	// attempt. An error is reported to OnState and followed by another attempt,
	// unless it is a [Permanent] one; beside a connection that stands, it changes
	// nothing. Without Token, no token is sent: the server authenticates in its own
	// way, for instance by a cookie in Header.
	Token func(ctx context.Context) (string, error)
	// TokenInURL sends the token in the query, where access logs may show it, and not
	// as a subprotocol of the WebSocket. Servers of 0.2 know nothing else, and
	// answer 401; so does a server behind a proxy that drops the header
	// Sec-WebSocket-Protocol. Tokens of the app's own, for its Options.Authenticate,
	// need it if they have characters that a JWT does not have. Defaults to no.
	TokenInURL bool
	// Header is sent with every request.
	Header http.Header
	// HTTPClient makes the connections and the HTTP requests. Its CheckRedirect, if
	// any, is asked only about redirects to the same host; others are refused. Its
	// Timeout, if any, bounds attempts and requests, not connections. If its Transport
	// is an [*http.Transport], connections go through an HTTP proxy by CONNECT, also
	// with the scheme ws. Defaults to a separate client, whose idle connections
	// [Client.Close] closes.
	HTTPClient *http.Client
	// OnState is told of every change of the connection, one after the other.
	// The client does nothing meanwhile, so OnState must return soon, and must
	// not wait for the client or close it.
	OnState func(State)

	// Durations are at most 24 hours.

	// ConnectTimeout bounds one attempt to connect, including the call of Token and
	// the server's first frame.
	// Defaults to 20 seconds.
	ConnectTimeout time.Duration
	// MinDelay and MaxDelay bound the time between attempts to connect: it is
	// random, at most MinDelay at first, and at most twice as long after each
	// failure. A connection counts as a failure if it has not lasted for ten
	// seconds, or breaks before everything has come that was due by then. If the
	// server says how many seconds to wait (Retry-After), that is added, up to 5
	// minutes. They default to 1 and 30 seconds.
	MinDelay time.Duration
	MaxDelay time.Duration
	// HeartbeatInterval is the time between signs of life. The client pings the
	// server, and gives a connection up if for a whole interval after that no byte
	// has come, or nothing of what waits could be sent. If the token has
	// a heartbeatTimeout, the interval must be shorter. At least one second.
	// Defaults to 25 seconds.
	HeartbeatInterval time.Duration

	// MaxQueueSize is how many bytes may wait in each subscription for the
	// program. Beyond that, the subscription drops what comes and catches up
	// later: see [Subscription]. At most 1 GiB. Defaults to 4 MiB.
	MaxQueueSize int
	// MaxFrameSize is the longest message that the server may send, in bytes; a
	// longer one ends the connection. Answers over HTTP may be 4 MiB longer. At
	// most 1 GiB. Defaults to 12 MiB, with which it can receive whatever a server
	// of this library can be made to keep.
	MaxFrameSize int
}

func (o *Options) setDefaults() {
	setDefault(&o.ConnectTimeout, 20*time.Second)
	setDefault(&o.MinDelay, time.Second)
	setDefault(&o.MaxDelay, 30*time.Second)
	setDefault(&o.HeartbeatInterval, 25*time.Second)
	setDefault(&o.MaxQueueSize, 4<<20)
	setDefault(&o.MaxFrameSize, 12<<20)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Bounds of options: beyond them, timers and sizes overflow, or a number was
// meant in another unit.
const (
	longest  = 24 * time.Hour
	shortest = time.Millisecond
	beat     = time.Second // the shortest HeartbeatInterval
	largest  = 1 << 30     // bytes
)

// validate returns all that is wrong, and the URL with the scheme http or
// https.
func (o *Options) validate() (*url.URL, error) {
	var errs []error
	base, err := parseURL(o.URL)
	if err != nil {
		errs = append(errs, fmt.Errorf("client.Options: URL: %w", err))
	}
	for _, d := range []struct {
		name         string
		value, least time.Duration
	}{
		{"ConnectTimeout", o.ConnectTimeout, shortest},
		{"MinDelay", o.MinDelay, shortest},
		{"MaxDelay", o.MaxDelay, max(shortest, o.MinDelay)},
		{"HeartbeatInterval", o.HeartbeatInterval, beat},
	} {
		if d.value < d.least || d.value > longest {
			errs = append(errs, fmt.Errorf("client.Options: %s is %v, not from %v to %v", d.name, d.value, d.least, longest))
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"MaxQueueSize", o.MaxQueueSize},
		{"MaxFrameSize", o.MaxFrameSize},
	} {
		if n.value <= 0 || n.value > largest {
			errs = append(errs, fmt.Errorf("client.Options: %s is %d, not from 1 to %d", n.name, n.value, largest))
		}
	}
	return base, errors.Join(errs...)
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("cannot be parsed") // the error quotes it, and there may be a secret in it
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, errors.New("must begin with https, http, wss or ws")
	}
	if u.Hostname() == "" {
		return nil, errors.New("has no host")
	}
	// A request has the query as it is, spaces included.
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("has a query that cannot be parsed")
	}
	u.RawQuery = query.Encode()
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}
