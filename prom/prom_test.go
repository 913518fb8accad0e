package hotsockprom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
	hotsockprom "github.com/hotsock-go/hotsock/prom"
)

// start returns a handler with its metrics, and the address of its WebSocket.
func start(t *testing.T, reg prometheus.Registerer) (rt *hotsock.Handler, url string) {
	t.Helper()
	metrics, err := hotsockprom.New(reg)
	if err != nil {
		t.Fatal(err)
	}
	everything := map[string]hotsock.ChannelClaims{"*": {
		Subscribe: hotsock.Allow,
		Messages:  map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Allow, Echo: hotsock.Allow}},
	}}
	rt, err = hotsock.New(hotsock.Options{
		Observer: metrics,
		Hooks: hotsock.Hooks{BeforePublish: func(_ context.Context, _ hotsock.Requester, p *hotsock.PublishRequest) error {
			switch p.Event {
			case "refused":
				return &hotsock.Error{Code: "SECRET_NAME_OF_CODE"}
			case "late":
				return &hotsock.Error{Code: hotsock.CodeUnavailable}
			case "bug":
				panic("a bug")
			}
			return nil
		}},
		Authenticate: func(r *http.Request) (*hotsock.Claims, error) {
			return &hotsock.Claims{UID: r.URL.Query().Get("uid"), Channels: everything}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	metrics.Watch(rt)
	server := httptest.NewServer(rt)
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return rt, server.URL
}

// converse has a user subscribe to a channel, and say something that comes back.
func converse(t *testing.T, url, uid, channel string) {
	t.Helper()
	c := wstest.Connect(t, url+"?uid="+uid, wstest.Options{})
	c.Subscribe(channel)
	c.Do(`{"event":"hotsock.subscribe","channel":"`+channel+`"}`, "ALREADY_SUBSCRIBED")
	c.Do(`{"event":"chat","channel":"`+channel+`","data":"hi"}`, "chat")
	c.Close()
}

// ended waits until the handler has taken n connections back.
func ended(t *testing.T, rt *hotsock.Handler, n uint64) {
	t.Helper()
	await.That(t, "the ends of the connections", func() bool { return rt.Stats().Disconnected["client"] >= n })
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rt, url := start(t, reg)
	converse(t, url, "Jim", "room")
	ended(t, rt, 1)
	// What is observed of the end follows the count.
	if err := rt.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP hotsock_connections Open connections.
# TYPE hotsock_connections gauge
hotsock_connections 0
# HELP hotsock_connects_total Connections accepted.
# TYPE hotsock_connects_total counter
hotsock_connects_total 1
# HELP hotsock_deliveries_total Items queued for subscribers, one for each of them.
# TYPE hotsock_deliveries_total counter
hotsock_deliveries_total 1
# HELP hotsock_disconnects_total Connections that ended, by why.
# TYPE hotsock_disconnects_total counter
hotsock_disconnects_total{reason="client"} 1
hotsock_disconnects_total{reason="expired"} 0
hotsock_disconnects_total{reason="flood"} 0
hotsock_disconnects_total{reason="heartbeat"} 0
hotsock_disconnects_total{reason="host"} 0
hotsock_disconnects_total{reason="idle"} 0
hotsock_disconnects_total{reason="revoked"} 0
hotsock_disconnects_total{reason="shutdown"} 0
hotsock_disconnects_total{reason="slow"} 0
hotsock_disconnects_total{reason="unresponsive"} 0
# HELP hotsock_messages_published_total Messages, and notices of reactions and edits, that the store accepted from this node.
# TYPE hotsock_messages_published_total counter
hotsock_messages_published_total 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "hotsock_connections", "hotsock_connects_total",
		"hotsock_deliveries_total", "hotsock_disconnects_total", "hotsock_messages_published_total"); err != nil {
		t.Error(err)
	}
	for series, n := range map[string]uint64{
		`hotsock_publish_duration_seconds{kind=message,result=ok,trigger=client.websocket}`: 1,
		`hotsock_store_call_duration_seconds{call=Publish,result=ok}`:                       1,
		`hotsock_store_call_duration_seconds{call=Subscribe,result=ok}`:                     1,
		`hotsock_delivery_delay_seconds{kind=message}`:                                      1,
		`hotsock_connection_duration_seconds{reason=client}`:                                1,
		`hotsock_hook_duration_seconds{hook=BeforePublish,result=ok}`:                       1,
	} {
		if got := samples(t, reg)[series]; got != n {
			t.Errorf("%s has %d samples, want %d", series, got, n)
		}
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// samples returns how many each histogram has, by its name and labels.
func samples(t *testing.T, g prometheus.Gatherer) map[string]uint64 {
	t.Helper()
	counts := make(map[string]uint64)
	for _, f := range gather(t, g) {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			if h := m.GetHistogram(); h != nil {
				counts[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = h.GetSampleCount()
			}
		}
	}
	return counts
}

func gather(t *testing.T, g prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// However many channels and users there are, the series stay the same.
func TestLabelsAreBounded(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rt, url := start(t, reg)
	series := func() (n int) {
		for _, f := range gather(t, reg) {
			for _, m := range f.GetMetric() {
				n++
				for _, l := range m.GetLabel() {
					if strings.Contains(l.GetValue(), "secret-name") {
						t.Errorf("%s has the label %s", f.GetName(), l)
					}
				}
			}
		}
		return n
	}
	converse(t, url, "secret-name-of-user", "secret-name-of-channel")
	ended(t, rt, 1)
	await.That(t, "the connection to be counted", func() bool { return samples(t, reg)["hotsock_connection_duration_seconds{reason=client}"] == 1 })
	before := series()
	const n = 20
	for i := range n {
		converse(t, url, fmt.Sprint("secret-name-of-user", i), fmt.Sprint("secret-name-of-channel", i))
	}
	ended(t, rt, n+1)
	if after := series(); after != before {
		t.Errorf("%d series have become %d", before, after)
	}
}

func TestTwoHandlersNeedLabels(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	if _, err := hotsockprom.New(reg); err != nil {
		t.Fatal(err)
	}
	if _, err := hotsockprom.New(reg); err == nil {
		t.Error("the same metrics were registered twice")
	}
	other := prometheus.WrapRegistererWith(prometheus.Labels{"handler": "b"}, prometheus.NewRegistry())
	if _, err := hotsockprom.New(other); err != nil {
		t.Error(err)
	}
}

// The results tell apart who is to blame.
func TestResults(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rt, _ := start(t, reg)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = rt.Publish(gone, hotsock.Message{Channel: "c", Event: "e"})
	_ = rt.React(t.Context(), hotsock.Reaction{Channel: "c", MessageID: "01JDE0000000000000000000AB", Reaction: "x", UID: "u"})
	got := samples(t, reg)
	for _, series := range []string{
		"hotsock_publish_duration_seconds{kind=message,result=unavailable,trigger=server.go}",
		"hotsock_publish_duration_seconds{kind=reaction,result=refused,trigger=server.go}",
		"hotsock_store_call_duration_seconds{call=React,result=refused}",
	} {
		if got[series] != 1 {
			t.Errorf("%s has %d samples", series, got[series])
		}
	}
}

// A hook's own codes are no labels.
func TestHookResults(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	_, url := start(t, reg)
	c := wstest.Connect(t, url+"?uid=Jim", wstest.Options{})
	c.Subscribe("c")
	for _, tt := range []struct{ event, code, result string }{
		{"refused", "SECRET_NAME_OF_CODE", "refused"}, {"late", "UNAVAILABLE", "unavailable"}, {"bug", "INTERNAL", "error"},
	} {
		c.Do(`{"event":"`+tt.event+`","channel":"c"}`, tt.code)
		if got := samples(t, reg)["hotsock_hook_duration_seconds{hook=BeforePublish,result="+tt.result+"}"]; got != 1 {
			t.Errorf("%s: %d samples", tt.result, got)
		}
	}
	c.Close()
}

// A series that begins with its first value shows no increase, so those of the
// rare things are there before.
func TestSeriesBeginAtZero(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	start(t, reg)
	got := samples(t, reg)
	for _, series := range []string{
		"hotsock_connection_duration_seconds{reason=client}", "hotsock_connection_duration_seconds{reason=slow}",
		"hotsock_delivery_delay_seconds{kind=message}", "hotsock_delivery_delay_seconds{kind=presence}", "hotsock_delivery_delay_seconds{kind=entry}",
	} {
		if n, ok := got[series]; !ok || n != 0 {
			t.Errorf("%s is %v at the start, and there: %v", series, n, ok)
		}
	}
}
