package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"testing"
	"time"
)

var tokenSecret = []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

// otherSecret is that of another key.
var otherSecret = []byte("another 0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789")

// tokenHS256 is the simplest signing key.
var tokenHS256 = SigningKey{Algorithm: HS256, Secret: tokenSecret}

// tokenKeys has a signing key for every algorithm. Making RSA keys takes long.
var tokenKeys = sync.OnceValue(func() map[Algorithm]SigningKey {
	keys := make(map[Algorithm]SigningKey)
	rsaKey, err := rsa.GenerateKey(rand.Reader, minRSABits)
	if err != nil {
		panic(err)
	}
	for _, a := range []Algorithm{RS256, RS384, RS512, PS256, PS384, PS512} {
		keys[a] = SigningKey{Algorithm: a, Private: rsaKey}
	}
	for a, curve := range map[Algorithm]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		keys[a] = SigningKey{Algorithm: a, Private: key}
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	keys[EdDSA] = SigningKey{Algorithm: EdDSA, Private: edKey}
	for _, a := range []Algorithm{HS256, HS384, HS512} {
		keys[a] = SigningKey{Algorithm: a, Secret: tokenSecret}
	}
	return keys
})

func tokenVerifier(t testing.TB, c VerifierOptions) *Verifier {
	t.Helper()
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func tokenSign(t testing.TB, c Claims, k SigningKey) string {
	t.Helper()
	if c.Scope == 0 {
		c.Scope = ScopeConnect
	}
	if c.Expires.IsZero() {
		c.Expires = time.Now().Add(time.Minute)
	}
	token, err := Sign(c, k)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// tokenRaw signs any text as header and payload, with HS256.
func tokenRaw(header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, tokenSecret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
