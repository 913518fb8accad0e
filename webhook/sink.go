// Package webhook sends backend events to HTTP endpoints, signed as Standard
// Webhooks (https://www.standardwebhooks.com) describes, and verifies such
// requests.
//
// A [Sink] keeps unsent events in memory. If events must outlive the process, keep
// them in a stream (package sinkredis) and let its workers call [Sink.Deliver].
package webhook

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Options are settings of a [Sink]. Besides Endpoints, the zero value of each
// field is a good default.
type Options struct {
	// Endpoints receive the events. Each has its own queue, so that none waits
	// for another.
	Endpoints []Endpoint
	// Timeout is how long one attempt may take. Defaults to 15 s.
	Timeout time.Duration
	// RetryAfter is the pause after the first failed attempt to send an event.
	// It doubles with every attempt, up to 5 min, and each pause is up to half
	// longer or shorter. Defaults to 1 s.
	RetryAfter time.Duration
	// MaxAttempts is how often an event is sent before it is given up. Defaults
	// to 10, which takes about 8 min and at least 4, or longer if the endpoint
	// fails so often that it is left alone.
	MaxAttempts int
	// QueueSize is how many events may wait for each endpoint, including those
	// to be sent again. Further ones are dropped. Together they may not take more
	// than 16 MiB either. Defaults to 1024.
	QueueSize int
	// Concurrency is how many requests an endpoint is sent at the same time.
	// With 1, events are sent in their order, retries aside. Defaults to 4.
	Concurrency int
	// AllowHTTP permits endpoints without TLS.
	AllowHTTP bool
	// AllowNetworks are networks that may be connected to although they are not
	// public, such as 10.1.0.0/16. All other private, loopback, link-local and
	// otherwise special addresses are refused: by New if the URL contains one, and
	// otherwise when a connection is made, because the address behind a name can
	// change.
	AllowNetworks []netip.Prefix
	// TLS configures connections, for instance which certificates to trust.
	// Defaults to the system's certificates.
	TLS *tls.Config
	// Logger is told what fails, and of a URL never more than its host. Defaults
	// to none.
	Logger *slog.Logger

	resolver *net.Resolver // of tests
}

// An Endpoint receives events. Its URL may have a secret in it, so none is
// logged.
type Endpoint struct {
	// URL is where events are POSTed to: https, unless Options.AllowHTTP is set.
	URL string
	// Keys sign what is sent. Each of them does, so that you can change them one
	// after the other. At least one is needed, and all must be able to sign.
	Keys []Key
	// Types are the types of events that are sent, such as
	// [hotsock.EventConnected]. None means all.
	Types []string
}

// Stats count what has happened to an endpoint's events since the start.
type Stats struct {
	Delivered int // The endpoint accepted them.
	GivenUp   int // All attempts failed.
	Dropped   int // There was no room in the queue, or the endpoint is disabled.
	Waiting   int // In the queue now, or being sent.
	// Disabled means that the endpoint answered 410 Gone. Nothing more is sent
	// to it.
	Disabled bool
}

// A Sink is a [hotsock.EventSink] that sends each event to the endpoints that
// want it, as the JSON of one request. Any answer of 2xx is a
// success. Redirects are not followed. An endpoint that fails five times in a row
// is left alone for pauses that grow; one that sends Retry-After, for that long,
// up to an hour; one that answers 410 Gone, for ever.
type Sink struct {
	opts      Options
	client    *http.Client
	endpoints []*endpoint
	// ctx ends when nothing is to be sent any more.
	ctx    context.Context
	cancel context.CancelFunc
}

var _ hotsock.EventSink = (*Sink)(nil)

// ErrShutdown is returned for events that come after [Sink.Shutdown].
var ErrShutdown = errors.New("webhook: the sink is shut down")

// New returns a sink. The error says what is wrong with the options.
func New(o Options) (*Sink, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return newSink(o, newClient(&o, o.AllowNetworks))
}

func newSink(o Options, client *http.Client) (*Sink, error) {
	s := &Sink{opts: o, client: client}
	for i := range o.Endpoints {
		e, err := newEndpoint(s, &o.Endpoints[i])
		if err != nil {
			return nil, fmt.Errorf("webhook: Options.Endpoints[%d]: %w", i, err)
		}
		s.endpoints = append(s.endpoints, e)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, e := range s.endpoints {
		e.start()
	}
	return s, nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *Options) setDefaults() {
	orDefault(&o.Timeout, 15*time.Second)
	orDefault(&o.RetryAfter, time.Second)
	orDefault(&o.MaxAttempts, 10)
	orDefault(&o.QueueSize, 1024)
	orDefault(&o.Concurrency, 4)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func (o *Options) validate() error {
	switch {
	case len(o.Endpoints) == 0:
		return errors.New("webhook: no endpoints")
	case o.Timeout < time.Millisecond, o.RetryAfter < time.Millisecond:
		return errors.New("webhook: Options.Timeout or RetryAfter is too small")
	case o.MaxAttempts < 1, o.QueueSize < 1, o.Concurrency < 1:
		return errors.New("webhook: Options.MaxAttempts, QueueSize or Concurrency is less than 1")
	}
	return nil
}

// HandleEvent queues an event for the endpoints that want it. It does not wait:
// events without room are dropped, counted, and logged when there is room again,
// at most once a minute.
func (s *Sink) HandleEvent(_ context.Context, e hotsock.Event) error {
	body, err := encode(e)
	if err != nil {
		return err
	}
	var errs []error
	for _, ep := range s.endpoints {
		if ep.wants(e.Type) {
			errs = append(errs, ep.push(&job{id: e.ID, typ: e.Type, body: body}))
		}
	}
	return errors.Join(errs...)
}

// Deliver sends an event to the endpoints that want it, once each and one after
// the other, without a queue. The error joins those of the endpoints that did not
// accept it. Try again later with the same event: endpoints that have it already
// recognise its ID. Disabled endpoints are left out. Deliver may be called
// concurrently.
func (s *Sink) Deliver(ctx context.Context, e hotsock.Event) error {
	body, err := encode(e)
	if err != nil {
		return err
	}
	var errs []error
	for _, ep := range s.endpoints {
		if !ep.wants(e.Type) || ep.isDisabled() {
			continue
		}
		err := s.send(ctx, ep, e.ID, body)
		if isGone(err) {
			ep.disable()
			continue
		}
		ep.counted(err)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", ep.host, err))
		}
	}
	return errors.Join(errs...)
}

func encode(e hotsock.Event) ([]byte, error) {
	// The id is a part of what is signed, and dots separate its parts.
	if e.ID == "" || strings.Contains(e.ID, ".") {
		return nil, fmt.Errorf("webhook: the event's id is %q", e.ID)
	}
	return json.Marshal(e)
}

// Stats returns what has happened to the events, in the order of
// [Options.Endpoints].
func (s *Sink) Stats() []Stats {
	var out []Stats
	for _, e := range s.endpoints {
		out = append(out, e.snapshot())
	}
	return out
}

// Shutdown sends what is queued, with retries, and ends the sink. If ctx ends
// first, the rest is lost, and the error says how much that is. Shut the handler
// down before, because it then hands out its last events.
func (s *Sink) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	for _, e := range s.endpoints {
		e.stop()
	}
	lost := 0
	for _, e := range s.endpoints {
		e.workers.Wait()
		lost += e.snapshot().Waiting
	}
	s.cancel()
	s.client.CloseIdleConnections()
	if lost > 0 {
		return fmt.Errorf("webhook: %d events were not sent: %w", lost, context.Cause(ctx))
	}
	return nil
}
