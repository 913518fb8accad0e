package token

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// The JWT library, with its own decoding, is the oracle.
func TestSignTokenIsAJWT(t *testing.T) {
	for a, k := range tokenKeys() {
		k.ID = "k<1>"
		c := claimsAll()
		c.Expires = time.Now().Add(time.Hour).Truncate(time.Second)
		token, err := Sign(c, k)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		var claims jwt.MapClaims
		parsed, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) {
			if k.Private != nil {
				return k.Private.Public(), nil
			}
			return k.Secret, nil
		})
		if err != nil {
			t.Errorf("%s: %v", a, err)
			continue
		}
		if diff := cmp.Diff(map[string]any{"alg": string(a), "typ": "JWT", "kid": "k<1>"}, parsed.Header); diff != "" {
			t.Errorf("%s: header (-want +got):\n%s", a, diff)
		}
		if uid := claims["uid"]; uid != "Jim" {
			t.Errorf("%s: uid %v", a, uid)
		}
	}
}

func TestSignTokenRefuses(t *testing.T) {
	exp := time.Now().Add(time.Minute)
	for _, test := range []struct {
		claims    Claims
		key       SigningKey
		want, why string
	}{
		{Claims{Expires: exp}, tokenHS256, "no scope", "good for nothing"},
		{Claims{Scope: 128, Expires: exp}, tokenHS256, "no scope", "no scope that there is"},
		{Claims{Scope: ScopeConnect}, tokenHS256, "no expiry", "good for ever"},
		{Claims{Scope: ScopeConnect, Expires: exp, NotBefore: exp}, tokenHS256, "expires before", "never good"},
		{Claims{Scope: ScopeConnect, Expires: exp, ConnectionID: "1"}, tokenHS256, "cannot connect", "bound to a connection already"},
		{Claims{Scope: ScopeSubscribe, Expires: exp}, tokenHS256, "for whom", "for nobody"},
		{Claims{Scope: ScopeUMD, Expires: exp}, tokenHS256, "for whom", "for nobody"},
		{Claims{Scope: ScopeConnect, Expires: exp, UID: strings.Repeat("u", 129)}, tokenHS256, "uid", "malformed"},
		{Claims{Scope: ScopeConnect, Expires: exp, Channels: map[string]ChannelClaims{"c": {Storage: map[string]StorageClaims{"#regex:(": {}}}}}, tokenHS256, "#regex:(", "does not compile"},
		{Claims{Scope: ScopeConnect, Expires: exp, ID: "\xff"}, tokenHS256, "UTF-8", "cannot be written"},
		{Claims{Scope: ScopeConnect, Expires: exp, Issuer: strings.Repeat("x", 8000)}, tokenHS256, "more than 8192", "too long to be accepted"},
		{Claims{Scope: ScopeConnect, Expires: exp}, SigningKey{}, "algorithm", "no key"},
		{Claims{Scope: ScopeConnect, Expires: exp}, SigningKey{Algorithm: HS256}, "0 bytes", "no secret"},
		{Claims{Scope: ScopeConnect, Expires: exp}, SigningKey{Algorithm: RS256, Private: tokenKeys()[ES256].Private}, "rsa", "another algorithm's key"},
		{Claims{Scope: ScopeConnect, Expires: exp}, SigningKey{Algorithm: HS256, Secret: tokenSecret, ID: "\xff"}, "UTF-8", "cannot be written"},
	} {
		token, err := Sign(test.claims, test.key)
		if err == nil || !strings.Contains(err.Error(), test.want) || token != "" {
			t.Errorf("%.80v (%s): token %q, error %v, want one with %q", test.claims, test.why, token, err, test.want)
		}
	}
}

func TestSignTokenMakesUpAnID(t *testing.T) {
	id := func(c Claims) string {
		token := tokenSign(t, c, tokenHS256)
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var back Claims
		if err := json.Unmarshal(payload, &back); err != nil {
			t.Fatal(err)
		}
		return back.ID
	}
	a, b := id(Claims{SingleUse: true}), id(Claims{SingleUse: true})
	if len(a) < 20 || a == b {
		t.Errorf("single-use tokens have the ids %q and %q, want long and different ones", a, b)
	}
	if got := id(Claims{SingleUse: true, ID: "mine"}); got != "mine" {
		t.Errorf("a given id became %q", got)
	}
	if got := id(Claims{}); got != "" {
		t.Errorf("a token for many uses has the id %q", got)
	}
}
