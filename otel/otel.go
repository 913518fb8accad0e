// Package hotsockotel makes OpenTelemetry traces of a [hotsock.Handler]: from a
// publish to its deliveries on all nodes. It depends on the API only; the host
// brings the SDK.
//
//	rt, err := hotsock.New(hotsock.Options{
//		Observer: hotsockotel.New(hotsockotel.Options{}),
//		…
//	})
//
// Spans:
//
//   - "hotsock publish" (producer): a message, entry, reaction or edit that is being
//     accepted or scheduled. It is a child of the span in the context that the
//     Go API was given, or that a middleware such as otelhttp put into the HTTP
//     request's; what comes over a WebSocket begins a trace.
//   - "hotsock call" (server): a method that a client calls, which begins a trace
//     unless the request has one.
//   - "hotsock hook" (internal): a hook of the app being asked, which begins a trace
//     unless the request has one.
//   - "hotsock store" (client): a call of the store, if it happens within a
//     recorded span.
//   - "hotsock deliver" (consumer): a message being handed to its subscribers on
//     one node, a child of its publish. If that was scheduled, it begins a trace
//     of its own, with a link to the publish.
//
// For that, the trace context of sampled publishes travels with their messages
// through the store. Clients never get it, and publishes that are not sampled
// carry nothing.
package hotsockotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// Options of a [Tracer].
type Options struct {
	// TracerProvider makes the spans. Defaults to the global one.
	TracerProvider trace.TracerProvider
	// Propagator writes and reads the trace context that travels with a message.
	// All nodes need the same one. A propagator for baggage would keep that in the
	// store too. Defaults to W3C Trace Context.
	Propagator propagation.TextMapPropagator
	// Names adds channels, events, and ids of messages and connections to the
	// spans. Names of channels may be personal data.
	Names bool
}

// A Tracer is a [hotsock.Observer].
type Tracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	names      bool
}

// New makes a tracer.
func New(o Options) *Tracer {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.Propagator == nil {
		o.Propagator = propagation.TraceContext{}
	}
	return &Tracer{
		tracer:     o.TracerProvider.Tracer("github.com/hotsock-go/hotsock/otel", trace.WithInstrumentationVersion(hotsock.Version)),
		propagator: o.Propagator,
		names:      o.Names,
	}
}

// scheduled marks the trace context of what will be delivered later.
const scheduled = "hotsock-scheduled"

// own is where a context has the span of an operation: the span in it may be
// that of an operation around it.
type own struct{}

type started struct {
	o    *hotsock.Operation
	span trace.Span
}

// Begin is part of [hotsock.Observer].
func (t *Tracer) Begin(ctx context.Context, o *hotsock.Operation) context.Context {
	var span trace.Span
	switch o.Kind {
	case hotsock.OperationPublish:
		ctx, span = t.start(ctx, o, "hotsock publish", trace.SpanKindProducer,
			attribute.String("hotsock.trigger", o.Trigger), attribute.Bool("hotsock.scheduled", o.Scheduled))
		o.Trace = t.inject(ctx, o)
	case hotsock.OperationCall:
		ctx, span = t.start(ctx, o, "hotsock call", trace.SpanKindServer, attribute.String("hotsock.trigger", o.Trigger))
	case hotsock.OperationHook:
		ctx, span = t.start(ctx, o, "hotsock hook", trace.SpanKindInternal, attribute.String("hotsock.trigger", o.Trigger))
	case hotsock.OperationStore:
		if !trace.SpanFromContext(ctx).IsRecording() {
			return ctx
		}
		ctx, span = t.start(ctx, o, "hotsock store", trace.SpanKindClient)
	case hotsock.OperationDelivery:
		if len(o.Trace) == 0 {
			return ctx
		}
		ctx, span = t.startDelivery(ctx, o)
	default:
		return ctx
	}
	return context.WithValue(ctx, own{}, started{o, span})
}

func (t *Tracer) start(ctx context.Context, o *hotsock.Operation, name string, kind trace.SpanKind,
	attributes ...attribute.KeyValue,
) (context.Context, trace.Span) {
	//nolint:spancheck // End ends it.
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(o.Start),
		trace.WithAttributes(append(attributes, t.describe(o)...)...))
}

// describe returns what is known of an operation from the beginning.
func (t *Tracer) describe(o *hotsock.Operation) []attribute.KeyValue {
	attributes := []attribute.KeyValue{attribute.String("hotsock.operation", o.Name)}
	if !t.names {
		return attributes
	}
	for _, a := range []attribute.KeyValue{
		attribute.String("hotsock.channel", o.Channel),
		attribute.String("hotsock.event", o.Event),
		attribute.String("hotsock.connection.id", o.ConnectionID),
		attribute.String("hotsock.message.id", o.MessageID),
	} {
		if a.Value.AsString() != "" {
			attributes = append(attributes, a)
		}
	}
	return attributes
}

// inject returns what is to travel with a message.
func (t *Tracer) inject(ctx context.Context, o *hotsock.Operation) map[string]string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil
	}
	carrier := make(propagation.MapCarrier)
	t.propagator.Inject(ctx, carrier)
	if o.Scheduled {
		carrier[scheduled] = "1"
	}
	return carrier
}

func (t *Tracer) startDelivery(ctx context.Context, o *hotsock.Operation) (context.Context, trace.Span) {
	published := t.propagator.Extract(ctx, propagation.MapCarrier(o.Trace))
	if o.Trace[scheduled] == "" {
		return t.start(published, o, "hotsock deliver", trace.SpanKindConsumer)
	}
	//nolint:spancheck // End ends it.
	return t.tracer.Start(ctx, "hotsock deliver", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithTimestamp(o.Start), trace.WithAttributes(t.describe(o)...),
		trace.WithLinks(trace.LinkFromContext(published)))
}

// End is part of [hotsock.Observer].
func (t *Tracer) End(ctx context.Context, o *hotsock.Operation) {
	s, ok := ctx.Value(own{}).(started)
	if !ok || s.o != o {
		return
	}
	if s.span.IsRecording() {
		t.finish(s.span, o)
	}
	s.span.End(trace.WithTimestamp(o.Start.Add(o.Duration)))
}

// finish adds what is known at the end.
func (t *Tracer) finish(span trace.Span, o *hotsock.Operation) {
	switch o.Kind {
	case hotsock.OperationPublish:
		if t.names && o.MessageID != "" {
			span.SetAttributes(attribute.String("hotsock.message.id", o.MessageID))
		}
	case hotsock.OperationDelivery:
		span.SetAttributes(
			attribute.Int("hotsock.subscribers", o.Subscribers),
			attribute.Float64("hotsock.delay", o.Delay.Seconds()),
		)
	}
	if o.Err != nil {
		kind := errorType(o.Err)
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, kind)
	}
}

// errorType is the code of an error, never its text: that may have names.
func errorType(err error) string {
	if e, ok := errors.AsType[*hotsock.Error](err); ok {
		return string(e.Code)
	}
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return string(hotsock.CodeUnavailable)
	case errors.Is(err, store.ErrNotFound):
		return string(hotsock.CodeNotFound)
	}
	return string(hotsock.CodeInternal)
}
