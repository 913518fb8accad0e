package hotsockotel_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/internal/wstest"
	hotsockotel "github.com/hotsock-go/hotsock/otel"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, redistest.Dialing)
}

// A node is a handler with a tracer of its own, as on a machine of its own.
type node struct {
	t     *testing.T
	rt    *hotsock.Handler
	url   string
	spans *tracetest.InMemoryExporter
	// provider makes the spans of the app around the handler, too.
	provider *sdktrace.TracerProvider
}

const apiKey = "the key of the API"

// startNode starts one; with another sampler than Always, most is not traced.
func startNode(t *testing.T, client redis.UniversalClient, sampler sdktrace.Sampler) *node {
	t.Helper()
	n := &node{t: t, spans: tracetest.NewInMemoryExporter()}
	n.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSyncer(n.spans), sdktrace.WithSampler(sampler), sdktrace.WithResource(resource.Empty()))
	st, err := storeredis.New(client, storeredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	everything := map[string]hotsock.ChannelClaims{"*": {
		Subscribe: hotsock.Allow,
		Messages:  map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Allow}},
	}}
	n.rt, err = hotsock.New(hotsock.Options{
		Store:    st,
		APIKeys:  []string{apiKey},
		Observer: hotsockotel.New(hotsockotel.Options{TracerProvider: n.provider, Names: true}),
		Authenticate: func(*http.Request) (*hotsock.Claims, error) {
			return &hotsock.Claims{UID: "Jim", Channels: everything, Calls: map[string]hotsock.Permission{"*": hotsock.Allow}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n.traced(n.rt))
	n.url = server.URL
	t.Cleanup(func() {
		if err := n.rt.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return n
}

// traced is what otelhttp does: it puts a span into the request's context.
func (n *node) traced(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/publish") {
			ctx, span := n.provider.Tracer("app").Start(r.Context(), "POST /publish")
			defer span.End()
			r = r.WithContext(ctx)
		}
		h.ServeHTTP(w, r)
	})
}

func twoNodes(t *testing.T, sampler sdktrace.Sampler) (a, b *node) {
	t.Helper()
	server := redistest.StartServer(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	a, b = startNode(t, client, sampler), startNode(t, client, sampler)
	t.Cleanup(func() { _ = client.Close() })
	return a, b
}

// connect connects a client that is subscribed.
func (n *node) connect() *wstest.Conn {
	n.t.Helper()
	c := wstest.Connect(n.t, n.url, wstest.Options{})
	c.Subscribe("room")
	return c
}

// await returns the node's span of that name, when it has ended.
func (n *node) await(name, operation string) tracetest.SpanStub {
	n.t.Helper()
	var found tracetest.SpanStub
	await.That(n.t, "the span "+name+" of "+operation, func() bool {
		for _, s := range n.spans.GetSpans() {
			if s.Name == name && (operation == "" || attributes(s)["hotsock.operation"] == operation) {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

func attributes(s tracetest.SpanStub) map[string]string {
	all := make(map[string]string)
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

func wantChild(t *testing.T, child, parent tracetest.SpanStub, remote bool) {
	t.Helper()
	if child.SpanContext.TraceID() != parent.SpanContext.TraceID() || child.Parent.SpanID() != parent.SpanContext.SpanID() ||
		child.Parent.IsRemote() != remote {
		t.Errorf("%s (%s) is a child of %v (remote %v), not of %s %v",
			child.Name, attributes(child)["hotsock.operation"], child.Parent.SpanID(), child.Parent.IsRemote(), parent.Name, parent.SpanContext.SpanID())
	}
}

// A message's trace leads from its publish, however that came, to its deliveries
// on both nodes.
func TestTraceAcrossNodes(t *testing.T) {
	a, b := twoNodes(t, sdktrace.AlwaysSample())
	onA, onB := a.connect(), b.connect()
	for _, row := range []struct {
		trigger string
		publish func(t *testing.T)
		parent  string
	}{
		{"client.websocket", func(*testing.T) {
			onA.Send(`{"event":"chat","channel":"room","data":"hi"}`)
		}, ""},
		{"server.go", func(t *testing.T) {
			ctx, span := a.provider.Tracer("app").Start(t.Context(), "the app's own")
			defer span.End()
			if _, err := a.rt.Publish(ctx, hotsock.Message{Channel: "room", Event: "chat"}); err != nil {
				t.Fatal(err)
			}
		}, "the app's own"},
		{"server.http", func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/publish",
				bytes.NewReader([]byte(`{"channel":"room","event":"chat"}`)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+apiKey)
			resp, err := http.DefaultClient.Do(r)
			if err != nil || resp.StatusCode != http.StatusAccepted {
				t.Fatalf("%v, %v", resp, err)
			}
			_ = resp.Body.Close()
			http.DefaultClient.CloseIdleConnections()
		}, "POST /publish"},
	} {
		t.Run(row.trigger, func(t *testing.T) {
			a.spans.Reset()
			b.spans.Reset()
			row.publish(t)
			text := onB.Expect("chat").Text
			if row.trigger != "client.websocket" { // the sender gets no copy
				text += onA.Expect("chat").Text
			}
			publish := a.await("hotsock publish", "message")
			if strings.Contains(text, publish.SpanContext.TraceID().String()) || strings.Contains(text, "traceparent") {
				t.Errorf("a client got the trace: %s", text)
			}
			if row.parent == "" {
				if publish.Parent.IsValid() {
					t.Errorf("the publish has the parent %v", publish.Parent)
				}
			} else {
				wantChild(t, publish, a.await(row.parent, ""), false)
			}
			wantChild(t, a.await("hotsock store", "Publish"), publish, false)
			for _, n := range []*node{a, b} {
				deliver := n.await("hotsock deliver", "message")
				wantChild(t, deliver, publish, true)
				got := attributes(deliver)
				if got["hotsock.channel"] != "room" || got["hotsock.event"] != "chat" || got["hotsock.message.id"] != attributes(publish)["hotsock.message.id"] {
					t.Errorf("the delivery has %v, and the publish %v", got, attributes(publish))
				}
				want := "1"
				if n == a && row.trigger == "client.websocket" {
					want = "0"
				}
				if got["hotsock.subscribers"] != want {
					t.Errorf("%s subscribers were handed the message, want %s", got["hotsock.subscribers"], want)
				}
			}
			if got := attributes(publish)["hotsock.trigger"]; got != row.trigger {
				t.Errorf("the trigger is %s", got)
			}
		})
	}
}

// What was scheduled is delivered in a trace of its own, with a link.
func TestScheduled(t *testing.T) {
	a, b := twoNodes(t, sdktrace.AlwaysSample())
	onB := b.connect()
	if _, err := a.rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "later", At: time.Now().Add(50 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	onB.Expect("later")
	publish, deliver := a.await("hotsock publish", "message"), b.await("hotsock deliver", "message")
	if deliver.SpanContext.TraceID() == publish.SpanContext.TraceID() || deliver.Parent.IsValid() {
		t.Error("the delivery is a part of the trace of the publish")
	}
	if len(deliver.Links) != 1 || deliver.Links[0].SpanContext.SpanID() != publish.SpanContext.SpanID() {
		t.Errorf("the delivery is linked with %v", deliver.Links)
	}
}

// What is not sampled leaves no span anywhere.
func TestNotSampled(t *testing.T) {
	a, b := twoNodes(t, sdktrace.ParentBased(sdktrace.NeverSample()))
	onB := b.connect()
	if _, err := a.rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "chat"}); err != nil {
		t.Fatal(err)
	}
	onB.Expect("chat")
	// A sampled one behind it shows that its spans would be here by now.
	sampled := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	}))
	if _, err := a.rt.Publish(sampled, hotsock.Message{Channel: "room", Event: "traced"}); err != nil {
		t.Fatal(err)
	}
	onB.Expect("traced")
	b.await("hotsock deliver", "message")
	for _, n := range []*node{a, b} {
		for _, s := range n.spans.GetSpans() {
			if got := attributes(s); got["hotsock.event"] != "traced" && got["hotsock.operation"] != "Publish" {
				t.Errorf("%s of %v was recorded", s.Name, got)
			}
			if s.SpanContext.TraceID() != (trace.TraceID{1}) {
				t.Errorf("%s is in another trace", s.Name)
			}
		}
	}
}

func TestFailure(t *testing.T) {
	a, _ := twoNodes(t, sdktrace.AlwaysSample())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.rt.Publish(gone, hotsock.Message{Channel: "room", Event: "chat"}); err == nil {
		t.Fatal("published")
	}
	for _, s := range []tracetest.SpanStub{a.await("hotsock publish", "message"), a.await("hotsock store", "Publish")} {
		if attributes(s)["error.type"] != "UNAVAILABLE" || s.Status.Description != "UNAVAILABLE" {
			t.Errorf("%s: %v, %v", s.Name, attributes(s), s.Status)
		}
	}
}

// What a method does is a part of its call.
func TestTraceOfCall(t *testing.T) {
	a, _ := twoNodes(t, sdktrace.AlwaysSample())
	a.rt.Handle("order.place", func(ctx context.Context, _ hotsock.Call) (any, error) {
		_, err := a.rt.Publish(ctx, hotsock.Message{Channel: "room", Event: "ordered"})
		return nil, err
	})
	c := a.connect()
	c.Send(`{"event":"hotsock.call","data":{"method":"order.place"}}`)
	c.Until("hotsock.result")
	wantChild(t, a.await("hotsock publish", "message"), a.await("hotsock call", "order.place"), false)
}
