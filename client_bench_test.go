package hotsock

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// clientPublisher returns a client's publish to nobody, of which a hook is asked if
// it is not nil.
func clientPublisher(tb testing.TB, hook func(context.Context, Requester, *PublishRequest) error) func() {
	tb.Helper()
	h, err := New(Options{
		Authenticate: func(*http.Request) (*Claims, error) { return nil, nil },
		Hooks:        Hooks{BeforePublish: hook},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = h.Close() })
	c := &connection{h: h, id: "1"}
	c.connect.Store(&connectToken{claims: []byte(`{"uid":"Jim"}`)})
	acc := publishing(tb)
	acc.claims = &c.connect.Load().claims
	in := publishInput{Event: "chat", Data: plainItem.Message.Data}
	return func() {
		who := c.source()
		if _, err := h.writes.clientPublish(h.ctx, &who, acc, in); err != nil {
			tb.Fatal(err)
		}
	}
}

// clientCommand returns the same as a command without an answer.
func clientCommand(tb testing.TB) func() {
	tb.Helper()
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = h.Close() })
	g, err := h.verifier.Compile(&Claims{UID: "Jim", Channels: map[string]ChannelClaims{
		"*": {Messages: map[string]MessageClaims{"chat": {Broadcast: Allow}}},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	c := &connection{h: h, id: "1", perms: permission.NewConnection(g)}
	c.connect.Store(&connectToken{g, []byte(`{"uid":"Jim"}`)})
	frame := fmt.Appendf(nil, `{"event":"chat","channel":"room.1","data":%s}`, plainItem.Message.Data)
	return func() { c.command(frame) }
}

// clientEditor returns a client's update of a stored message that nobody is subscribed
// to.
func clientEditor(tb testing.TB) func() {
	tb.Helper()
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = h.Close() })
	acc := publishing(tb)
	m, err := h.Publish(h.ctx, Message{
		Channel: acc.channel, Event: "chat", Data: plainItem.Message.Data, Store: Forever, From: &Member{UID: acc.meta.UID},
	})
	if err != nil {
		tb.Fatal(err)
	}
	c := &connection{h: h, id: acc.connection}
	c.connect.Store(&connectToken{claims: []byte(`{"uid":"Jim"}`)})
	in := wire.Edit{MessageID: ulid.MustParse(m.ID), Data: plainItem.Message.Data}
	return func() {
		who := c.source()
		if _, err := h.writes.clientEdit(h.ctx, &who, acc, in); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkClientPublish(b *testing.B) {
	for name, hook := range map[string]func(context.Context, Requester, *PublishRequest) error{
		"no hook": nil,
		"a hook":  func(context.Context, Requester, *PublishRequest) error { return nil },
	} {
		b.Run(name, func(b *testing.B) {
			publish := clientPublisher(b, hook)
			b.ReportAllocs()
			for b.Loop() {
				publish()
			}
		})
	}
}

func BenchmarkClientCommand(b *testing.B) {
	publish := clientCommand(b)
	b.ReportAllocs()
	for b.Loop() {
		publish()
	}
}

func BenchmarkClientEdit(b *testing.B) {
	edit := clientEditor(b)
	b.ReportAllocs()
	for b.Loop() {
		edit()
	}
}
