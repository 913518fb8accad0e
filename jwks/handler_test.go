package jwks

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
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
	// connect returns the status of the upgrade and the first event.
	connect := func(token string) (int, string) {
		c, resp, err := wstest.Try(t, server.URL+"/?token="+token, wstest.Options{})
		if err != nil {
			if resp == nil {
				t.Fatal(err)
			}
			return resp.StatusCode, ""
		}
		defer c.Cut()
		return resp.StatusCode, c.Next().Event
	}
	for a, signer := range signers() {
		status, first := connect(token(hotsock.SigningKey{Algorithm: a, ID: string(a), Private: signer}))
		if status != http.StatusSwitchingProtocols || first != "hotsock.connected" {
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

// Without ids, or with always the same, a new key looks like the old one. Its
// first token makes the document be fetched, and others that nobody signed make
// no more of it.
func TestReplacedKey(t *testing.T) {
	for _, kid := range []string{"", "main"} {
		t.Run(fmt.Sprintf("kid %q", kid), func(t *testing.T) {
			set := newProvider(t, document(t, jwk(t, hotsock.ES256, more{"kid": kid})))
			const interval = 500 * time.Millisecond
			s := set.open(t, Options{MinRefresh: interval})
			rt, err := hotsock.New(hotsock.Options{KeyLookup: s.Lookup, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			old := hotsock.SigningKey{Algorithm: hotsock.ES256, ID: kid, Private: signers()[hotsock.ES256]}
			fresh := hotsock.SigningKey{Algorithm: hotsock.ES256, ID: kid, Private: newES256(t)}
			stranger := hotsock.SigningKey{Algorithm: hotsock.ES256, ID: kid, Private: newES256(t)}
			good := func(k hotsock.SigningKey) bool {
				text, err := hotsock.SignToken(hotsock.Claims{Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute)}, k)
				if err != nil {
					t.Fatal(err)
				}
				// While the provider is away, nobody knows, which is an error.
				e, err := rt.Explain(t.Context(), hotsock.ExplainRequest{Token: text, Action: hotsock.ActionConnect})
				return err == nil && e.Allowed
			}
			if !good(old) {
				t.Fatal("the first key is refused")
			}
			replaced := jwk(t, hotsock.ES256, more{"kid": kid})
			maps.Copy(replaced, publicJWK(t, fresh.Private.Public()))
			set.set(func(p *provider) { p.text = document(t, replaced) })
			start, before := time.Now(), set.count()
			await.That(t, "the new key", func() bool { return good(fresh) })
			for range 200 {
				if good(stranger) {
					t.Fatal("a stranger's key is accepted")
				}
			}
			if n, most := set.count()-before, 1+int(time.Since(start)/interval); n > most {
				t.Errorf("%d fetches, want %d at the most", n, most)
			}
			if good(old) {
				t.Error("the old key is still good")
			}

			set.set(func(p *provider) { p.text = document(t, jwk(t, hotsock.ES256, more{"kid": kid}), replaced) })
			if err := s.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !good(old) || !good(fresh) {
				t.Error("of two keys that look alike, one is not tried")
			}
			set.set(func(p *provider) { p.status = http.StatusBadGateway })
			if err := s.Refresh(t.Context()); err == nil {
				t.Error("no error")
			}
			if !good(old) || !good(fresh) || good(stranger) {
				t.Error("while the provider is away, known keys are not good, or unknown ones are")
			}
		})
	}
}
