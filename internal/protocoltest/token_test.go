package protocoltest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// signingSecret signs the tokens of all tests that do not say otherwise.
const signingSecret = "a secret of all tests, which is long enough"

// sign makes a token of a payload, just as it stands.
func sign(payload string) string {
	return signWith(`{"alg":"HS256","typ":"JWT"}`, payload, signingSecret)
}

func signWith(header, payload, secret string) string {
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + b64.EncodeToString(mac.Sum(nil))
}

// token makes one of claims, which get an hour to be used unless they have an
// "exp" themselves.
func token(t *testing.T, claims string) string {
	t.Helper()
	var c map[string]json.RawMessage
	if err := json.Unmarshal([]byte(claims), &c); err != nil {
		t.Fatalf("claims %s: %v", claims, err)
	}
	if c["exp"] == nil {
		c["exp"] = json.RawMessage(fmt.Sprint(time.Now().Add(time.Hour).Unix()))
	}
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return sign(string(payload))
}

// user returns the claims of a connect token: for a user, or with "" for
// nobody, with the value of "channels".
func user(uid, channels string) string {
	return as("connect", uid, channels)
}

// as does the same for another scope.
func as(scope, uid, channels string) string {
	claims := fmt.Sprintf(`{"scope":%q,"channels":%s`, scope, channels)
	if uid != "" {
		claims += fmt.Sprintf(`,"uid":%q`, uid)
	}
	return claims + "}"
}
