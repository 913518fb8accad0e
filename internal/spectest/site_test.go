package spectest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

const (
	apiKey = "the-api-key"
	origin = "https://app.example.com"
	// Small, so that what is too large need not be large.
	maxBody    = 16 << 10
	maxData    = 1 << 10
	maxMembers = 300
)

var signingKey = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("0123456789abcdef0123456789abcdef")}

// A site is a handler behind a real server.
type site struct {
	*hotsock.Handler

	store *faultyStore
	base  string
	http  *http.Client
	async *asyncDocument
}

func newSite(t *testing.T, async *asyncDocument, set func(*hotsock.Options)) *site {
	t.Helper()
	s := &site{store: newFaultyStore(storememory.New()), async: async}
	o := hotsock.Options{
		Keys: []hotsock.Key{signingKey.Key()}, APIKeys: []string{apiKey}, Store: s.store,
		AllowedOrigins: []string{origin}, KeepAliveInterval: time.Second,
		MaxBodySize: maxBody, MaxDataSize: maxData, MaxMembersSize: maxMembers,
		Logger: slog.New(slog.DiscardHandler),
	}
	if set != nil {
		set(&o)
	}
	h, err := hotsock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = h
	h.Handle("echo", func(ctx context.Context, c hotsock.Call) (any, error) {
		_, err := h.ChannelInfo(ctx, "room") // what the store refuses, the method does
		return c.Params, err
	})
	h.Handle("number", hotsock.Typed(func(_ context.Context, _ hotsock.Call, n int) (int, error) { return n, nil }))
	srv := httptest.NewServer(h)
	s.base, s.http = srv.URL+"/rt", srv.Client()
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		srv.Close()
	})
	return s
}

// everything are permissions for all channels, besides some where something is
// missing.
func everything() map[string]hotsock.ChannelClaims {
	far := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	past := time.Unix(1, 0)
	return map[string]hotsock.ChannelClaims{
		"*": {
			Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, HistoryStart: time.Unix(0, 0),
			Calls: map[string]hotsock.Permission{"echo": hotsock.Allow},
			Messages: map[string]hotsock.MessageClaims{"*": {
				Publish: hotsock.Allow, Broadcast: hotsock.Allow, Echo: hotsock.Allow, React: hotsock.Allow,
				Update: hotsock.Allow, Delete: hotsock.Allow, Stop: hotsock.Allow,
				Store: time.Hour, ScheduleBefore: far,
			}},
			Storage: map[string]hotsock.StorageClaims{"*": {
				Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow, ScheduleBefore: far,
			}},
		},
		"user.1": {AutoSubscribe: hotsock.Allow, Alias: "me"},
		"closed": {
			Subscribe: hotsock.Deny, GetInfo: hotsock.Deny,
			Messages: map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Deny}},
			Storage:  map[string]hotsock.StorageClaims{"*": {Get: hotsock.Deny, Set: hotsock.Deny}},
		},
		"muted": {Messages: map[string]hotsock.MessageClaims{"*": {Broadcast: hotsock.Deny}}},
		"soon": {
			Messages: map[string]hotsock.MessageClaims{"*": {ScheduleBefore: past}},
			Storage:  map[string]hotsock.StorageClaims{"*": {ScheduleBefore: past}},
		},
		"serious":   {Messages: map[string]hotsock.MessageClaims{"*": {React: hotsock.Deny, Update: hotsock.Deny, Delete: hotsock.Deny, Stop: hotsock.Deny}}},
		"forgetful": {HistoryStart: far},
	}
}

// token mints a token; without a scope it is one to connect with.
func token(t *testing.T, c hotsock.Claims) string {
	t.Helper()
	if c.Scope == 0 {
		c.Scope = hotsock.ScopeConnect
	}
	c.Expires = time.Now().Add(time.Hour)
	text, err := hotsock.SignToken(c, signingKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// umdToken permits to change the metadata of a user everywhere.
func umdToken(t *testing.T, uid, umd string) string {
	t.Helper()
	return token(t, hotsock.Claims{
		Scope: hotsock.ScopeUMD, UID: uid, UMD: json.RawMessage(umd), UMDUpdate: true, UMDPropagate: true,
		Channels: map[string]hotsock.ChannelClaims{"*": {UMDUpdate: hotsock.Allow}},
	})
}

// A socket is a client's connection. Each frame of it is held to the document.
type socket struct {
	*wstest.Conn
	t     *testing.T
	async *asyncDocument
}

// connect opens a connection of a user with all permissions; "" is nobody.
func (s *site) connect(t *testing.T, uid string) *socket {
	t.Helper()
	return s.dial(t, hotsock.Claims{UID: uid, Channels: everything(), Calls: methods()})
}

// methods are permissions for all methods but one.
func methods() map[string]hotsock.Permission {
	return map[string]hotsock.Permission{"*": hotsock.Allow, "closed": hotsock.Deny}
}

func (s *site) dial(t *testing.T, c hotsock.Claims) *socket {
	t.Helper()
	conn := wstest.Dial(t, s.base+"?token="+url.QueryEscape(token(t, c)), wstest.Options{})
	k := &socket{conn, t, s.async}
	k.held(conn.Greet())
	return k
}

// send sends a command as the document has it, and sendWrong one that it must
// refuse.
func (k *socket) send(command string) {
	k.t.Helper()
	if name, err := k.async.match(received, []byte(command)); err != nil {
		k.t.Errorf("the command is not in the document: %s: %v", name, err)
	}
	k.Send(command)
}

func (k *socket) sendWrong(command string) {
	k.t.Helper()
	if name, err := k.async.match(received, []byte(command)); err == nil {
		k.t.Errorf("the document takes this for %s: %s", name, command)
	}
	k.Send(command)
}

// held holds a frame to the document.
func (k *socket) held(f wstest.Frame) {
	k.t.Helper()
	if _, err := k.async.match(sent, []byte(f.Text)); err != nil {
		k.t.Errorf("the server's frame is not in the document: %v\n%s", err, f.Text)
	}
	if f.Error.Code != "" {
		k.async.codes[f.Error.Code] = true
	}
}

// next reads up to the next frame of this event.
func (k *socket) next(event string) wstest.Frame {
	k.t.Helper()
	for {
		f := k.Next()
		k.held(f)
		if f.Event == event {
			return f
		}
		if f.Event == "hotsock.error" {
			k.t.Fatalf("waiting for %s, got %s", event, f.Text)
		}
	}
}

// refused reads up to an error, which must be this one.
func (k *socket) refused(code string) {
	k.t.Helper()
	if f := k.next("hotsock.error"); f.Error.Code != code {
		k.t.Errorf("got %s, want %s", f.Error.Code, code)
	}
}

// subscribe subscribes to a channel.
func (k *socket) subscribe(channel string) {
	k.t.Helper()
	k.send(`{"event":"hotsock.subscribe","channel":"` + channel + `"}`)
	k.next("hotsock.subscribed")
}

// noKeys takes the server's API away.
func noKeys(o *hotsock.Options) { o.APIKeys = nil }
