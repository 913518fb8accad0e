package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/MicahParks/jwkset"

	"github.com/hotsock-go/hotsock"
)

// A provider publishes keys as an identity provider does, over TLS.
type provider struct {
	*httptest.Server

	mu      sync.Mutex
	text    string
	status  int // if not 0
	hang    bool
	fetches int
}

func newProvider(t *testing.T, text string) *provider {
	t.Helper()
	p := &provider{text: text}
	p.Server = httptest.NewTLSServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.fetches++
	text, status, hang := p.text, p.status, p.hang
	p.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return
	}
	if status != 0 {
		w.Header().Set("Location", text)
		w.WriteHeader(status)
		return
	}
	_, _ = w.Write([]byte(text))
}

func (p *provider) set(change func(p *provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// open returns the provider's keys. They were fetched once, or could not be.
func (p *provider) open(t *testing.T, o Options) *Set {
	t.Helper()
	if o.Client == nil {
		o.Client = p.Client()
	}
	s, err := New(p.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	_ = s.Refresh(t.Context())
	return s
}

// signers has a key for each kind of algorithm. Making one of RSA takes long.
var signers = sync.OnceValue(func() map[hotsock.Algorithm]crypto.Signer {
	out := make(map[hotsock.Algorithm]crypto.Signer)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	for _, a := range rsaAlgorithms {
		out[a] = private
	}
	for a, curve := range map[hotsock.Algorithm]elliptic.Curve{
		hotsock.ES256: elliptic.P256(), hotsock.ES384: elliptic.P384(), hotsock.ES512: elliptic.P521(),
	} {
		if out[a], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			panic(err)
		}
	}
	_, out[hotsock.EdDSA], err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return out
})

// jwk is the public key for an algorithm, as JSON, with more members.
func jwk(t *testing.T, a hotsock.Algorithm, more map[string]any) map[string]any {
	t.Helper()
	out := publicJWK(t, signers()[a].Public())
	maps.Copy(out, more)
	return out
}

func newES256(t *testing.T) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// publicJWK is a public key as JSON, without its algorithm.
func publicJWK(t *testing.T, public crypto.PublicKey) map[string]any {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	delete(out, "alg")
	return out
}

// document is a JWKS.
func document(t *testing.T, keys ...map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// describe tells keys apart.
func describe(keys []hotsock.Key) string { return fmt.Sprint(keys) }
