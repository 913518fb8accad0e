package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConversation(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var traces bytes.Buffer // read when serve has returned
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, &traces, "") }()

	c := talk(t, l.Addr().String())
	lines := []string{
		"hotsock_connections 1",
		"hotsock_subscriptions 1",
		"hotsock_messages_published_total 1",
		"hotsock_deliveries_total 1",
		`hotsock_publish_duration_seconds_count{kind="message",result="ok",trigger="client.websocket"} 1`,
		`hotsock_store_call_duration_seconds_count{call="Publish",result="ok"} 1`,
		`hotsock_errors_total{code="INTERNAL"} 0`,
	}
	// A message may be here before it is counted.
	await.That(t, "all lines of /metrics", func() bool {
		return len(without(scrape(t, "http://"+l.Addr().String()+"/metrics"), lines)) == 0
	})
	c.Cut()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	for _, name := range []string{"hotsock publish", "hotsock store", "hotsock deliver"} {
		if !strings.Contains(traces.String(), `"Name":"`+name+`"`) {
			t.Errorf("there is no span %q in %s", name, traces.String())
		}
	}
}

// talk has a client say something that comes back.
func talk(t *testing.T, addr string) *wstest.Conn {
	t.Helper()
	c := wstest.Connect(t, "ws://"+addr+"/rt", wstest.Options{})
	c.Subscribe("room")
	c.Do(`{"event":"chat","channel":"room","data":"hi"}`, "chat")
	return c
}

// A collector gets the traces when they are not to be written.
func TestCollector(t *testing.T) {
	var got bytes.Buffer // of one request after the other; read when serve has returned
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&got, r.Body)
	}))
	defer collector.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var traces bytes.Buffer
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, &traces, collector.URL+"/v1/traces") }()
	talk(t, l.Addr().String()).Cut()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	for _, name := range []string{"hotsock publish", "hotsock deliver", "observability"} {
		if !strings.Contains(got.String(), name) {
			t.Errorf("the collector did not get %q", name)
		}
	}
	if traces.Len() > 0 {
		t.Errorf("traces were written: %s", traces.String())
	}
}

// without returns the lines that a text does not have.
func without(text string, lines []string) (missing []string) {
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			missing = append(missing, line)
		}
	}
	return missing
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	return string(text)
}
