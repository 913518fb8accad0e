// Package hotsockprom makes Prometheus metrics of a [hotsock.Handler].
//
//	metrics, err := hotsockprom.New(prometheus.DefaultRegisterer)
//	…
//	rt, err := hotsock.New(hotsock.Options{Observer: metrics, …})
//	…
//	metrics.Watch(rt)
//
// docs/observability.md says what each metric means; dashboard.json beside this
// file shows them in Grafana. No metric has a label with a value for each channel,
// user or connection.
package hotsockprom

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// Metrics are the metrics of one handler, of which they are the [hotsock.Observer].
// All methods may be called concurrently.
type Metrics struct {
	handler atomic.Pointer[hotsock.Handler]

	publish    *prometheus.HistogramVec
	store      *prometheus.HistogramVec
	delivery   *prometheus.HistogramVec
	connection *prometheus.HistogramVec
	hook       *prometheus.HistogramVec
}

// New makes the metrics and registers them. It fails if r has metrics of the
// same names: several handlers of one process need different labels, with
// [prometheus.WrapRegistererWith].
func New(r prometheus.Registerer) (*Metrics, error) {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: name, Help: help, Buckets: buckets,
		}, labels)
	}
	m := &Metrics{
		publish: histogram("publish_duration_seconds",
			"Time to have a message, entry, reaction or edit accepted or scheduled.", latencies, "kind", "trigger", "result"),
		store: histogram("store_call_duration_seconds",
			"Time of a call of the store.", latencies, "call", "result"),
		delivery: histogram("delivery_delay_seconds",
			"Time from the id that the store gave an item until it was queued for the last subscriber on this node.", latencies, "kind"),
		connection: histogram("connection_duration_seconds",
			"How long connections lasted, by why they ended.", lifetimes, "reason"),
		hook: histogram("hook_duration_seconds",
			"Time that clients waited for a hook of the app.", latencies, "hook", "result"),
	}
	for _, c := range []prometheus.Collector{m.publish, m.store, m.delivery, m.connection, m.hook, &figures{m: m}} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("hotsockprom: %w", err)
		}
	}
	return m, nil
}

const namespace = "hotsock"

var (
	// latencies reach from a call of the memory store to beyond the timeout of
	// a store, in seconds.
	latencies = []float64{.00001, .00005, .0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	// lifetimes reach to the default limit of a connection's age.
	lifetimes = []float64{1, 10, 60, 300, 600, 1800, 3600, 7200}
)

// Watch adds the figures of the handler's [hotsock.Handler.Stats] to the metrics.
// Without it, there are only histograms.
func (m *Metrics) Watch(h *hotsock.Handler) {
	// Of a series that begins with its first value, Prometheus sees no increase.
	for reason := range h.Stats().Disconnected {
		m.connection.WithLabelValues(reason)
	}
	for _, kind := range []string{"message", "presence", "entry"} {
		m.delivery.WithLabelValues(kind)
	}
	m.handler.Store(h)
}

// Begin is part of [hotsock.Observer].
func (m *Metrics) Begin(ctx context.Context, _ *hotsock.Operation) context.Context { return ctx }

// End is part of [hotsock.Observer].
func (m *Metrics) End(_ context.Context, o *hotsock.Operation) {
	switch o.Kind {
	case hotsock.OperationPublish:
		m.publish.WithLabelValues(o.Name, o.Trigger, result(o.Err)).Observe(o.Duration.Seconds())
	case hotsock.OperationStore:
		m.store.WithLabelValues(o.Name, result(o.Err)).Observe(o.Duration.Seconds())
	case hotsock.OperationDelivery:
		// The store's clock may be ahead.
		m.delivery.WithLabelValues(o.Name).Observe(max(0, o.Delay.Seconds()))
	case hotsock.OperationConnection:
		m.connection.WithLabelValues(o.Name).Observe(o.Duration.Seconds())
	case hotsock.OperationHook:
		m.hook.WithLabelValues(o.Name, result(o.Err)).Observe(o.Duration.Seconds())
	}
}

// result is a label: whether the store could be used, not what was refused.
func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCapacity), errors.Is(err, store.ErrNoPeer):
		return "refused"
	}
	if e, ok := errors.AsType[*hotsock.Error](err); ok {
		switch e.Code {
		case hotsock.CodeInternal:
		case hotsock.CodeUnavailable: // a hook that is late, say
			return "unavailable"
		default:
			return "refused"
		}
	}
	return "error"
}
