package hotsock

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	storememory "github.com/hotsock-go/hotsock/store_memory"
	"github.com/hotsock-go/hotsock/token"
)

// upgrading is a request to connect with a token.
func upgrading(t *testing.T, token string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rt?token="+url.QueryEscape(token), http.NoBody)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	return r
}

// wantCode checks why something was refused, with "" that it was not.
func wantCode(t *testing.T, when string, err error, want Code) {
	t.Helper()
	var got Code
	if err != nil {
		got = asError(err).Code
	}
	if got != want {
		t.Errorf("%s: error %v, want %q", when, err, want)
	}
}

func connects(t *testing.T, h *Handler, token string) error {
	t.Helper()
	_, _, err := h.upgrader.prepare(upgrading(t, token), func() error { return nil })
	return err
}

// hijackable looks like a writer whose connection can be taken over.
type hijackable struct{ http.ResponseWriter }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.ErrUnsupported
}

// A single-use token connects once. It is not spent while the store cannot note
// it, nor by an attempt that is refused.
func TestSingleUseTokenToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faultyStore{Store: storememory.New()}
		h, err := New(Options{Store: s, Keys: []Key{tokenHS256.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		exp := time.Now().Add(time.Minute)
		token := tokenSign(t, Claims{SingleUse: true, ID: "1", NotBefore: time.Now().Add(10 * time.Second), Expires: exp}, tokenHS256)
		wantCode(t, "before nbf", connects(t, h, token), CodeUnauthorized)
		time.Sleep(5 * time.Second)
		s.setTokensAway(true)
		wantCode(t, "while the store is away", connects(t, h, token), CodeUnavailable)
		s.setTokensAway(false)
		wantCode(t, "when it is back", connects(t, h, token), "")
		wantCode(t, "again", connects(t, h, token), CodeUnauthorized)
		// The token is accepted a little longer than its exp says, and so must
		// be remembered.
		time.Sleep(time.Until(exp.Add(h.opts.ClockSkew - time.Millisecond)))
		wantCode(t, "at the last moment", connects(t, h, token), CodeUnauthorized)
		other := tokenSign(t, Claims{SingleUse: true, ID: "2", Expires: exp}, tokenHS256)
		wantCode(t, "another one, at the last moment", connects(t, h, other), "")
	})
}

// A connect token whose key cannot be looked up is not refused: nobody knows.
func TestKeyLookupFailsOnConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _, fails := aliasing(t)
		h, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		connect := tokenSign(t, Claims{}, tokenHS256)
		fails.Store(true)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, upgrading(t, connect))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("answered %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		if err := connects(t, h, connect); !errors.Is(err, token.ErrKeyLookup) {
			t.Errorf("error %v does not say why", err)
		}
		fails.Store(false)
		wantCode(t, "when they can be looked up", connects(t, h, connect), "")
	})
}

func TestKeyLookupFailsOnUMDUpdate(t *testing.T) {
	o, _, fails := aliasing(t)
	token := tokenSign(t, Claims{Scope: ScopeUMD, UID: "ann", UMDUpdate: true, UMD: []byte(`{"name":"Ann"}`)}, tokenHS256)
	inRig(t, o, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		update := `{"event":"hotsock.umdUpdate","data":{"token":"` + token + `"},"ref":"1"}`
		fails.Store(true)
		c.Do(update, "UNAVAILABLE")
		fails.Store(false)
		c.Do(update, "hotsock.ack")
	})
}

// A single-use umd token changes metadata once, and subscribe tokens subscribe
// once. None is spent by what is refused for another reason.
func TestSingleUseTokenOfCommands(t *testing.T) {
	o := Options{Keys: []Key{tokenHS256.Key()}}
	umd := func(id string, update bool) string {
		token := tokenSign(t, Claims{
			Scope: ScopeUMD, UID: "ann", SingleUse: true, ID: id, UMDUpdate: true, UMD: []byte(`{"name":"Ann"}`),
			Channels: map[string]ChannelClaims{"a": {UMDUpdate: Allow}},
		}, tokenHS256)
		channel := ""
		if !update {
			channel = `"channel":"a",`
		}
		return `{"event":"hotsock.umdUpdate",` + channel + `"data":{"token":"` + token + `"},"ref":"1"}`
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setTokensAway(true)
		c.Do(umd("1", true), "UNAVAILABLE")
		r.s.setTokensAway(false)
		c.Do(umd("1", true), "hotsock.ack")
		c.Do(umd("1", true), "INVALID_UMD_TOKEN")
		c.Do(umd("2", false), "NOT_SUBSCRIBED")
		c.Subscribe("a")
		c.Do(umd("2", false), "hotsock.ack")
		c.Do(umd("2", false), "INVALID_UMD_TOKEN")

		subscribe := `{"event":"hotsock.subscribe","channel":"b","data":{"token":"` + tokenSign(t, Claims{
			Scope: ScopeSubscribe, UID: "ann", SingleUse: true, ID: "3",
			Channels: map[string]ChannelClaims{"b": {Subscribe: Allow}},
		}, tokenHS256) + `"}}`
		r.s.setTokensAway(true)
		c.Do(subscribe, "UNAVAILABLE")
		r.s.setTokensAway(false)
		c.Expect("hotsock.subscribed") // it is tried again
		c.Do(`{"event":"hotsock.unsubscribe","channel":"b"}`, "hotsock.unsubscribed")
		c.Do(subscribe, "INVALID_SUBSCRIBE_TOKEN")
	})
}
