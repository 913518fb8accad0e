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
	// URL is where the server mounted the protocol, https://app.example.com/rt
	// say. The schemes http, https, ws and wss may be used; a query is kept.
	URL string
	// Token returns a connect token. It is called for every attempt to connect,
	// so it should ask the app for a new one. Its context ends with the
	// attempt. An error is reported to OnState and followed by another attempt,
	// unless it is a [Permanent] one. Without Token, no token is sent: the
	// server authenticates in its own way, by a cookie in Header perhaps.
	Token func(ctx context.Context) (string, error)
	// Header is sent with every request.
	Header http.Header
	// HTTPClient makes the connections and the HTTP requests. Its Timeout, if
	// any, bounds attempts and requests, not connections. Defaults to a client
	// of its own, whose idle connections are closed by [Client.Close].
	HTTPClient *http.Client
	// OnState is told of every change of the connection, one after the other.
	// The client does nothing meanwhile, so it must return soon, and must not
	// wait for the client or close it.
	OnState func(State)

	// ConnectTimeout bounds one attempt to connect, the call of Token included.
	// Defaults to 20 seconds.
	ConnectTimeout time.Duration
	// MinDelay and MaxDelay bound the time between attempts to connect: it is
	// random, at most MinDelay at first, and at most twice as long after each
	// failure or connection of less than ten seconds. Where the server says how
	// many seconds to wait (Retry-After), that is added, up to 5 minutes. They
	// default to 1 and 30 seconds.
	MinDelay time.Duration
	MaxDelay time.Duration
	// HeartbeatInterval is the time between signs of life. The client pings the
	// server, and gives a connection up on which nothing came for a whole
	// interval after that. If the token has a heartbeatTimeout, the interval
	// must be shorter. Defaults to 25 seconds.
	HeartbeatInterval time.Duration

	// MaxQueueSize is how much may wait in each subscription to be received by
	// the program, in bytes. Beyond, the subscription drops what comes and
	// catches up later: see [Subscription]. Defaults to 4 MiB.
	MaxQueueSize int
	// MaxFrameSize is the longest message that the server may send, in bytes; a
	// longer one ends the connection. Answers over HTTP may be 4 MiB longer.
	// Defaults to 4 MiB.
	MaxFrameSize int
}

func (o *Options) setDefaults() {
	setDefault(&o.ConnectTimeout, 20*time.Second)
	setDefault(&o.MinDelay, time.Second)
	setDefault(&o.MaxDelay, 30*time.Second)
	setDefault(&o.HeartbeatInterval, 25*time.Second)
	setDefault(&o.MaxQueueSize, 4<<20)
	setDefault(&o.MaxFrameSize, 4<<20)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate returns all that is wrong, and the URL with the scheme http or
// https.
func (o *Options) validate() (*url.URL, error) {
	var errs []error
	base, err := parseURL(o.URL)
	if err != nil {
		errs = append(errs, fmt.Errorf("client.Options: URL: %w", err))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"ConnectTimeout", o.ConnectTimeout},
		{"MinDelay", o.MinDelay},
		{"MaxDelay", o.MaxDelay - o.MinDelay + 1}, // at least MinDelay
		{"HeartbeatInterval", o.HeartbeatInterval},
		{"MaxQueueSize", time.Duration(o.MaxQueueSize)},
		{"MaxFrameSize", time.Duration(o.MaxFrameSize)},
	} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("client.Options: %s is too small", d.name))
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
	if u.Host == "" {
		return nil, errors.New("has no host")
	}
	u.Fragment = ""
	return u, nil
}
