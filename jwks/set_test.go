package jwks

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

type more = map[string]any

// Which tokens a document's keys verify.
func TestLookup(t *testing.T) {
	doc := document(t,
		jwk(t, hotsock.RS256, more{"kid": "r"}),
		jwk(t, hotsock.PS512, more{"kid": "p", "alg": "PS512"}),
		jwk(t, hotsock.ES256, more{"kid": "e", "use": "sig", "key_ops": []string{"verify"}}),
		jwk(t, hotsock.ES512, more{"kid": "twice"}),
		jwk(t, hotsock.EdDSA, more{"kid": "twice", "alg": "Ed25519"}),
		jwk(t, hotsock.ES384, more{"x5u": "http://127.0.0.1:1/", "x5c": []string{"nonsense"}, "d": "AAAA"}),
	)
	s := newProvider(t, doc).open(t, Options{})
	for _, tt := range []struct{ id, algorithm, want, why string }{
		{"r", "RS256", `[{RS256 "r"}]`, "the usual"},
		{"p", "PS512", `[{PS512 "p"}]`, "one with its algorithm"},
		{"e", "ES256", `[{ES256 "e"}]`, "the algorithm of the curve"},
		{"twice", "ES512", `[{ES512 "twice"}]`, "one id for two keys"},
		{"twice", "EdDSA", `[{EdDSA "twice"}]`, "and the other"},
		{"twice", "Ed25519", `[{EdDSA "twice"}]`, "by its newer name"},
		{"", "EdDSA", `[{EdDSA ""}]`, "no id, and one key"},
		{"", "ES384", `[{ES384 ""}]`, "a key without id, whose certificates are not looked at"},

		{"x", "ES384", `[]`, "which is not for tokens with one"},
		{"r", "RS384", `[]`, "another algorithm of the same key"},
		{"r", "PS256", `[]`, "and another"},
		{"r", "HS256", `[]`, "the public key as a secret"},
		{"r", "none", `[]`, "no signature"},
		{"p", "RS256", `[]`, "not the algorithm that the key is for"},
		{"e", "ES384", `[]`, "another curve"},
		{"x", "RS256", `[]`, "unknown"},
	} {
		keys, err := s.Lookup(t.Context(), tt.id, tt.algorithm)
		if got := describe(keys); got != tt.want || err != nil {
			t.Errorf("%s: Lookup(%q, %q) = %s, %v, want %s", tt.why, tt.id, tt.algorithm, got, err, tt.want)
		}
	}
	two := document(t, jwk(t, hotsock.ES256, more{"kid": "1"}), jwk(t, hotsock.ES256, more{"kid": "2"}))
	if keys, _ := newProvider(t, two).open(t, Options{}).Lookup(t.Context(), "", "ES256"); len(keys) != 0 {
		t.Errorf("no id, and two keys: %v", keys)
	}
	two = document(t, jwk(t, hotsock.ES256, nil), jwk(t, hotsock.ES256, nil), jwk(t, hotsock.ES256, more{"kid": "2"}))
	if keys, _ := newProvider(t, two).open(t, Options{}).Lookup(t.Context(), "", "ES256"); describe(keys) != `[{ES256 ""} {ES256 ""}]` {
		t.Errorf("no id, and two keys without: %v", keys)
	}
	var many []map[string]any
	for range 50 {
		many = append(many, jwk(t, hotsock.ES256, nil))
	}
	if keys, _ := newProvider(t, document(t, many...)).open(t, Options{}).Lookup(t.Context(), "", "ES256"); len(keys) != maxTried {
		t.Errorf("a token is tried with %d keys", len(keys))
	}
	other := newProvider(t, doc).open(t, Options{RSA: hotsock.PS256})
	if keys, _ := other.Lookup(t.Context(), "r", "PS256"); len(keys) != 1 {
		t.Error("Options.RSA is not used")
	}
	if keys, _ := other.Lookup(t.Context(), "r", "RS256"); len(keys) != 0 {
		t.Error("a key is used for two algorithms")
	}
}

// Keys that are left out, while the good one beside them is used.
func TestBadKeys(t *testing.T) {
	short := jwk(t, hotsock.RS256, nil)
	short["n"] = short["n"].(string)[:100]
	long := jwk(t, hotsock.RS256, nil)
	long["n"] = strings.Repeat(long["n"].(string)[:340], 5)
	off := jwk(t, hotsock.ES256, nil)
	off["x"] = off["y"]
	good := jwk(t, hotsock.EdDSA, more{"kid": "good"})
	for why, bad := range map[string]map[string]any{
		"a symmetric key":               {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "bad", "alg": "HS256"},
		"an RSA key of HS256":           jwk(t, hotsock.RS256, more{"alg": "HS256"}),
		"an RSA key of none":            jwk(t, hotsock.RS256, more{"alg": "none"}),
		"an RSA key of ES256":           jwk(t, hotsock.RS256, more{"alg": "ES256"}),
		"a P-256 key of ES384":          jwk(t, hotsock.ES256, more{"alg": "ES384"}),
		"an Ed25519 key of ES256":       jwk(t, hotsock.EdDSA, more{"alg": "ES256"}),
		"for encryption":                jwk(t, hotsock.RS256, more{"use": "enc"}),
		"for encryption only":           jwk(t, hotsock.RS256, more{"key_ops": []string{"encrypt"}}),
		"for encryption, by its alg":    jwk(t, hotsock.RS256, more{"alg": "RSA-OAEP"}),
		"a short RSA key":               short,
		"a long RSA key":                long,
		"not on its curve":              off,
		"another curve":                 {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
		"no curve":                      {"kty": "EC"},
		"X25519":                        {"kty": "OKP", "crv": "X25519", "x": good["x"]},
		"a kind to come":                {"kty": "AKP", "alg": "ML-DSA-44"},
		"members of another type":       {"kty": 7},
		"an exponent of nothing":        jwk(t, hotsock.RS256, more{"e": ""}),
		"an exponent that does not fit": jwk(t, hotsock.RS256, more{"e": "AQAAAAAAAAAAAAAB"}),
	} {
		bad["kid"] = "bad"
		s := newProvider(t, document(t, bad, good)).open(t, Options{})
		if got := describe(s.keys); got != `[{EdDSA "good"}]` {
			t.Errorf("%s: the keys are %s", why, got)
		}
	}
}

// Documents that are not taken, so that the old keys stay.
func TestBadDocuments(t *testing.T) {
	p := newProvider(t, document(t, jwk(t, hotsock.ES256, more{"kid": "old"})))
	s := p.open(t, Options{Timeout: 300 * time.Millisecond})
	good := p.text
	elsewhere := newProvider(t, good)
	many := strings.Repeat(`{},`, maxKeys) + `{}`
	for why, change := range map[string]func(p *provider){
		"not JSON":               func(p *provider) { p.text = "<html>" },
		"nothing":                func(p *provider) { p.text = "" },
		"an array":               func(p *provider) { p.text = "[]" },
		"without keys":           func(p *provider) { p.text = `{"error":"x"}` },
		"keys of another type":   func(p *provider) { p.text = `{"keys":"x"}` },
		"null":                   func(p *provider) { p.text = `{"keys":null}` },
		"two documents":          func(p *provider) { p.text = good + good },
		"too many keys":          func(p *provider) { p.text = `{"keys":[` + many + `]}` },
		"too long":               func(p *provider) { p.text = good + strings.Repeat(" ", maxDocument) },
		"deeply nested":          func(p *provider) { p.text = strings.Repeat(`{"keys":[`, 20_000) },
		"an error":               func(p *provider) { p.status = 500; p.text = "" },
		"no content":             func(p *provider) { p.status = 204; p.text = "" },
		"a redirect without TLS": func(p *provider) { p.status = 302; p.text = "http://" + elsewhere.Listener.Addr().String() },
		"an endless redirect":    func(p *provider) { p.status = 302; p.text = p.URL },
		"hangs":                  func(p *provider) { p.hang = true },
	} {
		p.set(change)
		if err := s.Refresh(t.Context()); err == nil {
			t.Errorf("%s: it is taken", why)
		}
		p.set(func(p *provider) { p.text, p.status, p.hang = good, 0, false })
		if keys, err := s.Lookup(t.Context(), "old", "ES256"); len(keys) != 1 || err != nil {
			t.Errorf("%s: the old key is gone: %v, %v", why, keys, err)
		}
	}
	p.set(func(p *provider) { p.status, p.text = 302, elsewhere.URL })
	if err := s.Refresh(t.Context()); err != nil {
		t.Errorf("a redirect with TLS: %v", err)
	}
	p.set(func(p *provider) { p.status, p.text = 0, `{"keys":[]}` })
	if err := s.Refresh(t.Context()); err != nil || len(s.keys) != 0 {
		t.Errorf("a document without any keys revokes them all: %v, %v", err, s.keys)
	}
}

// A token of a new key makes the document be fetched, at most once within the
// interval however many ask, and one that is no key's makes no more of it.
func TestRotation(t *testing.T) {
	p := newProvider(t, document(t, jwk(t, hotsock.ES256, more{"kid": "1"})))
	s := p.open(t, Options{MinRefresh: 500 * time.Millisecond})
	p.set(func(p *provider) {
		p.text = document(t, jwk(t, hotsock.ES256, more{"kid": "1"}), jwk(t, hotsock.EdDSA, more{"kid": "2"}))
	})
	before := p.count()
	start := time.Now()
	await.That(t, "the new key", func() bool {
		keys, err := s.Lookup(t.Context(), "2", "EdDSA")
		if err != nil {
			t.Fatal(err)
		}
		return len(keys) == 1
	})
	if n := p.count() - before; n != 1 {
		t.Errorf("%d fetches within %v", n, time.Since(start))
	}
	start = time.Now()
	before = p.count()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 100 {
				if keys, err := s.Lookup(t.Context(), "3", "EdDSA"); len(keys) != 0 || err != nil {
					t.Errorf("Lookup: %v, %v", keys, err)
				}
			}
		})
	}
	wg.Wait()
	if n, most := p.count()-before, 1+int(time.Since(start)/s.opts.MinRefresh); n > most {
		t.Errorf("%d fetches, want %d at the most", n, most)
	}
	p.set(func(p *provider) { p.text = document(t, jwk(t, hotsock.EdDSA, more{"kid": "2"})) })
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys, _ := s.Lookup(t.Context(), "1", "ES256"); len(keys) != 0 {
		t.Error("a key that was withdrawn is found")
	}
}

// In the background the document is fetched again and again.
func TestBackground(t *testing.T) {
	p := newProvider(t, document(t))
	s := p.open(t, Options{Refresh: 10 * time.Millisecond})
	p.set(func(p *provider) { p.text = document(t, jwk(t, hotsock.ES256, more{"kid": "1"})) })
	await.That(t, "the new key", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.keys) == 1
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	n := p.count()
	if err := s.Refresh(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Refresh: %v", err)
	}
	if keys, err := s.Lookup(t.Context(), "1", "ES256"); len(keys) != 1 || err != nil {
		t.Errorf("a known key: %v, %v", keys, err)
	}
	if keys, err := s.Lookup(t.Context(), "2", "ES256"); len(keys) != 0 || err != nil {
		t.Errorf("an unknown key: %v, %v", keys, err)
	}
	if p.count() != n {
		t.Error("it is fetched after Close")
	}
}

// While the provider is away, known keys work and others are an error, not a
// refusal. Nobody waits longer than they want.
func TestOutage(t *testing.T) {
	p := newProvider(t, document(t, jwk(t, hotsock.ES256, more{"kid": "1"})))
	s := p.open(t, Options{MinRefresh: time.Hour})
	p.set(func(p *provider) { p.status, p.text = 503, "" })
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("no error")
	}
	if keys, err := s.Lookup(t.Context(), "1", "ES256"); len(keys) != 1 || err != nil {
		t.Errorf("a known key: %v, %v", keys, err)
	}
	if keys, err := s.Lookup(t.Context(), "2", "ES256"); len(keys) != 0 || err == nil {
		t.Errorf("an unknown key: %v, %v", keys, err)
	}

	p.set(func(p *provider) { p.hang = true })
	started, err := New(p.URL, Options{Client: p.Client(), Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if keys, err := started.Lookup(ctx, "1", "ES256"); len(keys) != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the first document: %v, %v", keys, err)
	}
	_ = started.Close() // does not wait for the answer
}

// An app may have several providers: the log says which one fails, without what
// its URL may have of secrets.
func TestLog(t *testing.T) {
	p := newProvider(t, "")
	p.set(func(p *provider) { p.status = 503 })
	var log bytes.Buffer
	s, err := New(p.URL+"/secret?secret", Options{Client: p.Client(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("no error")
	}
	_ = s.Close() // waits for whoever may log
	want := `msg="jwks: the keys cannot be fetched" host=` + p.Listener.Addr().String() + ` old_keys=false err="jwks: the answer is 503"`
	if got := log.String(); !strings.Contains(got, want) || strings.Contains(got, "secret") {
		t.Errorf("the log has not %s, or too much:\n%s", want, got)
	}
}

// A URL may have what HTTP cannot send as it is.
func TestAddress(t *testing.T) {
	var asked string
	p := newProvider(t, document(t))
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.set(func(*provider) { asked = r.RequestURI })
		_, _ = w.Write([]byte(`{"keys":[]}`))
	})
	s, err := New(" "+p.URL+"/a b?tenant=a b&c=é%20%22\"\n", Options{Client: p.Client()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.set(func(*provider) {
		if want := "/a%20b?tenant=a%20b&c=%C3%A9%20%22%22"; asked != want {
			t.Errorf("asked for %s, want %s", asked, want)
		}
	})
}

// Only what can be trusted is asked.
func TestTrust(t *testing.T) {
	p := newProvider(t, document(t, jwk(t, hotsock.ES256, more{"kid": "1"})))
	for _, address := range []string{"", "x", "/x", "http://127.0.0.1/", "file:///etc/passwd", "https://", "ht tp://x"} {
		if s, err := New(address, Options{}); err == nil {
			t.Errorf("%q is accepted", address)
			_ = s.Close()
		}
	}
	for _, o := range []Options{{Refresh: -1}, {MinRefresh: -1}, {Timeout: -1}, {RSA: "HS256"}, {RSA: "ES256"}} {
		if s, err := New(p.URL, o); err == nil {
			t.Errorf("%+v is accepted", o)
			_ = s.Close()
		}
	}
	s, err := New(p.URL, Options{}) // which does not know the certificate
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Refresh(t.Context()); err == nil {
		t.Error("a stranger's certificate is accepted")
	}
}
