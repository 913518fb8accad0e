package jwks

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// A handler admits who has a token signed with a key of the document, by every
// algorithm, and nobody else; while the provider is away, it says so to those
// whom it cannot judge.
func TestHandler(t *testing.T) {
	var keys []map[string]any
	for a := range signers() {
		keys = append(keys, jwk(t, a, more{"kid": string(a), "alg": string(a)}))
	}
	p := newProvider(t, document(t, keys...))
	set := p.open(t, Options{MinRefresh: time.Millisecond})
	rt, err := hotsock.New(hotsock.Options{KeyLookup: set.Lookup, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(rt)
	t.Cleanup(func() {
		_ = rt.Close()
		server.Close()
	})
	token := func(k hotsock.SigningKey) string {
		text, err := hotsock.SignToken(hotsock.Claims{
			Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute), UID: "jim",
			Channels: map[string]hotsock.ChannelClaims{"c": {Subscribe: hotsock.Allow}},
		}, k)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	// connect returns the status of the upgrade and the first message.
	connect := func(token string) (int, string) {
		c, resp, err := websocket.Dial(t.Context(), server.URL+"/?token="+token, nil)
		if err != nil {
			if resp == nil {
				t.Fatal(err)
			}
			return resp.StatusCode, ""
		}
		defer c.CloseNow()
		_, text, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for a, signer := range signers() {
		status, first := connect(token(hotsock.SigningKey{Algorithm: a, ID: string(a), Private: signer}))
		if status != http.StatusSwitchingProtocols || !strings.Contains(first, "hotsock.connected") {
			t.Errorf("%s: %d %s", a, status, first)
		}
	}
	rsaKey := signers()[hotsock.RS256]
	for why, k := range map[string]hotsock.SigningKey{
		"another algorithm of the same key": {Algorithm: hotsock.PS384, ID: "RS256", Private: rsaKey},
		"an unknown key":                    {Algorithm: hotsock.RS256, ID: "x", Private: rsaKey},
		"the name of another key":           {Algorithm: hotsock.ES256, ID: "EdDSA", Private: signers()[hotsock.ES256]},
		"a secret that everybody knows":     {Algorithm: hotsock.HS256, ID: "RS256", Secret: []byte(fmt.Sprint(keys))},
	} {
		if status, _ := connect(token(k)); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", why, status)
		}
	}
	p.set(func(p *provider) { p.status = http.StatusBadGateway })
	if err := set.Refresh(t.Context()); err == nil {
		t.Error("no error")
	}
	if status, _ := connect(token(hotsock.SigningKey{Algorithm: hotsock.EdDSA, ID: "EdDSA", Private: signers()[hotsock.EdDSA]})); status != http.StatusSwitchingProtocols {
		t.Errorf("a known key while the provider is away: %d", status)
	}
	if status, _ := connect(token(hotsock.SigningKey{Algorithm: hotsock.RS256, ID: "x", Private: rsaKey})); status != http.StatusServiceUnavailable {
		t.Errorf("an unknown key while the provider is away: %d", status)
	}
}
