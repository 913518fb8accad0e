package hotsock

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/pipe"
	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// plainItem is a message as most are.
var plainItem = &store.Item{
	ID: ulid.MustParse("01JA3HVNF6E89HDT1ABRFWJ8C8"), Channel: "room.1",
	Message: &store.Message{
		ID: ulid.MustParse("01JA3HVNF6E89HDT1ABRFWJ8C8"), Channel: "room.1", Event: "chat",
		Data: []byte(`{"text":"` + strings.Repeat("x", 245) + `"}`), Meta: &store.Meta{UID: "Jim"},
	},
}

// audience returns a handler and the network connections of n clients, in
// memory, that are subscribed to room.1. Who does not read from them makes what is
// delivered wait in the queues.
func audience(tb testing.TB, n int) (*Handler, []net.Conn) {
	tb.Helper()
	h, err := New(Options{
		PingInterval: -1, // The clients would not answer.
		Authenticate: func(*http.Request) (*Claims, error) {
			return &Claims{UID: "Jim", Channels: map[string]ChannelClaims{"room.1": {AutoSubscribe: Allow}}}, nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	l := pipe.Listen()
	server := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	clients := make([]net.Conn, n)
	for i := range clients {
		c := wstest.Connect(tb, "ws://audience/rt", wstest.Options{HTTPClient: l.Client()})
		c.Expect("hotsock.subscribed")
		clients[i] = c.Under
	}
	tb.Cleanup(func() {
		for _, c := range clients {
			_ = c.Close()
		}
		_ = server.Close()
		<-served
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
	})
	return h, clients
}

// BenchmarkDeliver hands a message to the queues of all subscribers of a channel.
func BenchmarkDeliver(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint("subscribers=", n), func(b *testing.B) {
			h, clients := audience(b, n)
			item := *plainItem
			item.ID = ulid.Make() // Subscribers are not given what is older than their subscription.
			size := itemFrame(&item).Len()
			buf := make([]byte, 64*size)
			read := func(n int) {
				for _, c := range clients {
					if _, err := io.ReadFull(c, buf[:n]); err != nil {
						b.Fatal(err)
					}
				}
			}
			// The first message of each round starts those who write. They wait for
			// the clients, which then read the rest of the round.
			const round = 64
			first := func() {
				h.hub.deliver(&item)
				read(1)
			}
			first()
			for range round - 1 { // makes room in the queues
				h.hub.deliver(&item)
			}
			read(round*size - 1)
			first()
			queued := 1
			b.ReportAllocs()
			for b.Loop() {
				h.hub.deliver(&item)
				if queued++; queued == round {
					b.StopTimer()
					read(round*size - 1)
					first()
					queued = 1
					b.StartTimer()
				}
			}
			read(queued*size - 1)
		})
	}
}

func BenchmarkItemFrame(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		itemFrame(plainItem)
	}
}

// publishing is a subscriber who may publish.
func publishing(tb testing.TB) *access {
	tb.Helper()
	v, err := permission.NewVerifier(token.VerifierOptions{}, 0)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := v.Compile(&Claims{Channels: map[string]ChannelClaims{
		"*": {Subscribe: Allow, Messages: map[string]MessageClaims{"chat": {Publish: Allow, Update: Own}}},
		"c": {GetInfo: Allow, HistoryStart: time.Unix(0, 0)},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	grant := permission.NewConnection(g).Channel("c")
	return &access{channel: "c", connection: "1", meta: store.Meta{UID: "Jim"}, perms: grant, subscribed: true}
}

func BenchmarkPermitPublish(b *testing.B) {
	acc := publishing(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := acc.permitPublish("chat"); err != nil {
			b.Fatal(err)
		}
	}
}

// quietWriter takes an answer and keeps its status only.
type quietWriter struct {
	header http.Header
	status int
}

func (w *quietWriter) Header() http.Header         { return w.header }
func (w *quietWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *quietWriter) WriteHeader(status int)      { w.status = status }

// SetReadDeadline does nothing, as the network is left out.
func (w *quietWriter) SetReadDeadline(time.Time) error { return nil }

// httpPublish returns a function that publishes by the server's HTTP API,
// without the network around it.
func httpPublish(tb testing.TB) func() {
	tb.Helper()
	h, err := New(Options{APIKeys: []string{"key"}, Authenticate: func(*http.Request) (*Claims, error) { return &Claims{}, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = h.Close() })
	body := []byte(`{"channel":"room.1","event":"chat","data":{"text":"` + strings.Repeat("x", 245) + `"}}`)
	reader := bytes.NewReader(body)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/rt/publish", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer key")
	r.RemoteAddr = "192.0.2.1:1234"
	r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
	w := &quietWriter{header: make(http.Header)}
	return func() {
		reader.Reset(body)
		clear(w.header)
		if h.ServeHTTP(w, r); w.status != http.StatusAccepted {
			tb.Fatal(w.status)
		}
	}
}

func BenchmarkHTTPPublish(b *testing.B) {
	publish := httpPublish(b)
	b.ReportAllocs()
	for b.Loop() {
		publish()
	}
}
