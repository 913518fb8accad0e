package hotsock

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"
)

var tokenSecret = []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

// otherSecret is that of another key.
var otherSecret = []byte("another 0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789")

// tokenHS256 is the simplest signing key.
var tokenHS256 = SigningKey{Algorithm: HS256, Secret: tokenSecret}

func tokenSign(t testing.TB, c Claims, k SigningKey) string {
	t.Helper()
	if c.Scope == 0 {
		c.Scope = ScopeConnect
	}
	if c.Expires.IsZero() {
		c.Expires = time.Now().Add(time.Minute)
	}
	token, err := SignToken(c, k)
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
