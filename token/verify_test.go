package token

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

func TestTokenAlgorithms(t *testing.T) {
	// Ed25519 is EdDSA by another name.
	if len(tokenKeys())+1 != len(algorithms) || len(algorithms) != 14 {
		t.Fatalf("there are %d keys for %d algorithms, want one less than 14", len(tokenKeys()), len(algorithms))
	}
	for signer, k := range tokenKeys() {
		token := tokenSign(t, Claims{UID: "u"}, k)
		for verifying, other := range tokenKeys() {
			v := tokenVerifier(t, VerifierOptions{Keys: []Key{other.Key()}})
			g, err := v.Verify(t.Context(), token, ScopeConnect)
			if signer == verifying {
				if err != nil || g.UID != "u" {
					t.Errorf("%s token: %v", signer, err)
				}
			} else if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s token with the key of %s: %v", signer, verifying, err)
			}
		}
		cut := token[:strings.LastIndexByte(token, '.')+1]
		v := tokenVerifier(t, VerifierOptions{Keys: []Key{k.Key()}})
		for name, forged := range map[string]string{
			"without signature": cut,
			"with a short one":  cut + "AA",
			"with another one":  cut + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
			"with a long one":   token + "AAAA",
		} {
			if _, err := v.Verify(t.Context(), forged, ScopeConnect); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s token %s: %v", signer, name, err)
			}
		}
	}
}

func TestTokenHeader(t *testing.T) {
	const payload = `{"scope":"connect","exp":4000000000}`
	v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}})
	for _, test := range []struct {
		header string
		want   string // in the error, "" for none
		why    string
	}{
		{`{"alg":"HS256","typ":"JWT"}`, "", "as the protocol has it"},
		{`{"alg":"HS256","typ":"jwt"}`, "", "the case of typ does not matter"},
		{`{"alg":"HS256"}`, "", "many libraries leave typ out"},
		{`{"alg":"HS256","cty":"x","x":{"y":[1]}}`, "", "unknown members are ignored"},
		{`{"alg":"HS256","typ":"at+jwt"}`, "typ is not JWT", "an access token of the same issuer"},
		{`{"typ":"JWT"}`, "unsupported algorithm", "no alg"},
		{`{"alg":"none"}`, "unsupported algorithm", "none, never"},
		{`{"alg":"None"}`, "unsupported algorithm", "none, never"},
		{`{"alg":""}`, "unsupported algorithm", "empty"},
		{`{"alg":"hs256"}`, "unsupported algorithm", "the case of alg matters"},
		{`{"ALG":"HS256"}`, "unsupported algorithm", "the case of names matters"},
		{`{"alg":"HS512"}`, `there is no HS512 key for the kid ""`, "not the key's algorithm"},
		{`{"alg":"RS256"}`, `there is no RS256 key for the kid ""`, "not the key's algorithm"},
		{`{"alg":"none","alg":"HS256"}`, "malformed", "equal members"},
		{`{"alg":["HS256"]}`, "malformed", "wrong type"},
		{`{"alg":"HS256","kid":1}`, "malformed", "wrong type"},
		{`{"alg":"HS256","crit":["b64"],"b64":false}`, "critical", "an extension that must be understood"},
		{`null`, "malformed", "no object"},
		{`{"alg":"HS256"}x`, "malformed", "something after the object"},
		{`{"alg":"HS256","x":"` + "\xff" + `"}`, "malformed", "not UTF-8"},
	} {
		_, err := v.Verify(t.Context(), tokenRaw(test.header, payload), ScopeConnect)
		tokenCheckError(t, test.header+": "+test.why, err, test.want)
	}
}

func tokenCheckError(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: error %v, want one with %q", what, err, want)
	}
}

// TestVerifierIsUsedAtOnce: what a verifier keeps for the next token is of none before.
func TestVerifierIsUsedAtOnce(t *testing.T) {
	v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}})
	const payload = `{"scope":"connect","exp":4000000000}`
	good := tokenRaw(`{"alg":"HS256"}`, payload)
	signature := good[strings.LastIndexByte(good, '.'):]
	signed, _ := strings.CutSuffix(good, signature)
	tokens := map[string]bool{
		good: true,
		tokenRaw(`{"alg":"HS256","typ":"JWT"}`, payload):                      true,
		tokenRaw(`{"alg":"HS256"}`, strings.Repeat(" ", 2000)+payload):        true,
		tokenRaw(`{"alg":"none"}`, payload):                                   false,
		tokenRaw(`{"alg":"HS256"}`, payload+"{}"):                             false,
		signed + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 32)): false,
		tokenRaw(`{"alg":"HS256"}`, `{"scope":"umd","exp":4000000000}`):       false,
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				for token, valid := range tokens {
					if _, err := v.Verify(t.Context(), token, ScopeConnect); (err == nil) != valid {
						t.Errorf("%q: %v", token, err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestTokenForm(t *testing.T) {
	v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}})
	good := tokenRaw(`{"alg":"HS256"}`, `{"scope":"connect","exp":4000000000}`)
	dot := strings.IndexByte(good, '.')
	for _, test := range []struct{ token, want, why string }{
		{good, "", "good"},
		{"", "not three parts", "empty"},
		{good[:strings.LastIndexByte(good, '.')], "not three parts", "two parts"},
		{good + ".", "not three parts", "four parts"},
		{"Bearer " + good, "part 1 is not base64url", "with something before"},
		{good + "=", "part 3 is not base64url", "padded"},
		{good[:dot-4] + "\n" + good[dot-4:], "part 1 is not base64url", "with a line end in it"},
		{good + "\r\n", "part 3 is not base64url", "with a line end after it"},
		{good[:len(good)-1] + tokenNext(good[len(good)-1]), "part 3 is not base64url", "with bits that do not count"},
		{good + strings.Repeat("A", protocol.MaxToken), "longer than 8192 bytes", "too long"},
	} {
		_, err := v.Verify(t.Context(), test.token, ScopeConnect)
		tokenCheckError(t, test.why, err, test.want)
	}
}

// tokenNext returns the next character of base64url: at the end of a signature
// of 32 bytes it stands for the same bytes.
func tokenNext(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, c)
	return alphabet[i+1 : i+2]
}

func TestTokenClaims(t *testing.T) {
	v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}})
	bound := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}, Audience: "chat", Issuer: "us"})
	const exp = `"exp":4000000000`
	for _, test := range []struct {
		v       *Verifier
		payload string
		scope   Scope
		want    string // in the error, "" for none
		why     string
	}{
		{v, `{"scope":"connect",` + exp + `}`, ScopeConnect, "", "the least"},
		{v, `{"scope":"umd connect",` + exp + `}`, ScopeUMD, "", "one of several scopes"},
		{v, `{"scope":"connect"}`, ScopeConnect, "no exp", "for ever is too long"},
		{v, `{"scope":"connect","exp":null}`, ScopeConnect, "no exp", "null is absent"},
		{v, `{"scope":"connect","EXP":4000000000}`, ScopeConnect, "no exp", "names in the wrong case are unknown"},
		{v, `{"scope":"connect","exp":1}`, ScopeConnect, "expired", "long ago"},
		{v, `{` + exp + `}`, ScopeConnect, `scope is ""`, "no scope"},
		{v, `{"scope":"subscribe",` + exp + `}`, ScopeConnect, `scope is "subscribe", not "connect"`, "another scope"},
		{v, `{"scope":"connect",` + exp + `}`, ScopeSubscribe, "scope", "another scope"},
		{v, `{"scope":"connect subscribe",` + exp + `}`, ScopeUMD, "scope", "other scopes"},
		{v, `{"scope":"connect",` + exp + `,"aud":"x","iss":"y"}`, ScopeConnect, "", "aud and iss that nobody asked for"},
		{bound, `{"scope":"connect",` + exp + `,"aud":"chat","iss":"us"}`, ScopeConnect, "", "the right aud and iss"},
		{bound, `{"scope":"connect",` + exp + `,"aud":["x","chat"],"iss":"us"}`, ScopeConnect, "", "aud is one of several"},
		{bound, `{"scope":"connect",` + exp + `,"iss":"us"}`, ScopeConnect, "aud", "no aud"},
		{bound, `{"scope":"connect",` + exp + `,"aud":[],"iss":"us"}`, ScopeConnect, "aud", "empty aud"},
		{bound, `{"scope":"connect",` + exp + `,"aud":["x","Chat"],"iss":"us"}`, ScopeConnect, "aud", "the case of aud matters"},
		{bound, `{"scope":"connect",` + exp + `,"aud":"chat"}`, ScopeConnect, "iss", "no iss"},
		{bound, `{"scope":"connect",` + exp + `,"aud":"chat","iss":"them"}`, ScopeConnect, "iss", "another iss"},
		{v, `{"scope":"connect",` + exp + `,"uid":1}`, ScopeConnect, "/uid: must be a string", "malformed"},
		{v, `{"scope":"connect",` + exp + `,"uid":"a","uid":"b"}`, ScopeConnect, "duplicate", "smuggled"},
		{v, `{"scope":"connect",` + exp + `,"channels":{"a#b":{}}}`, ScopeConnect, `channels: "a#b"`, "a key that matches nothing"},
		{v, `{"scope":"connect",` + exp, ScopeConnect, "EOF", "cut short"},
		{v, ``, ScopeConnect, "EOF", "empty"},
	} {
		_, err := test.v.Verify(t.Context(), tokenRaw(`{"alg":"HS256"}`, test.payload), test.scope)
		tokenCheckError(t, test.payload+": "+test.why, err, test.want)
	}
}

// A payload whose signature is wrong is not looked at: regular expressions in it
// are not compiled.
func TestTokenPayloadIsReadAfterItsSignature(t *testing.T) {
	v := tokenVerifier(t, VerifierOptions{Keys: []Key{{Algorithm: HS256, Secret: otherSecret}}})
	_, err := v.Verify(t.Context(), tokenRaw(`{"alg":"HS256"}`, `{"channels":{"#regex:(":{}}}`), ScopeConnect)
	tokenCheckError(t, "wrongly signed", err, "no key verifies the HS256 signature")
}

func TestTokenTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}})
		start := time.Now()
		token := tokenSign(t, Claims{NotBefore: start.Add(10 * time.Second), Expires: start.Add(20 * time.Second)}, tokenHS256)
		for _, test := range []struct {
			at   time.Duration
			want error
			why  string
		}{
			{0, ErrNotYetValid, "before nbf"},
			{10*time.Second - time.Millisecond, ErrNotYetValid, "just before nbf: no leeway"},
			{10 * time.Second, nil, "from nbf on"},
			{20*time.Second - time.Millisecond, nil, "just before exp"},
			{20 * time.Second, ErrInvalid, "used before exp means before: no leeway"},
		} {
			time.Sleep(time.Until(start.Add(test.at)))
			_, err := v.Verify(t.Context(), token, ScopeConnect)
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("after %v: error %v, want %v: %s", test.at, err, test.want, test.why)
			}
			if errors.Is(err, ErrNotYetValid) && errors.Is(err, ErrInvalid) {
				t.Errorf("after %v: early and yet invalid: %v", test.at, err)
			}
		}
	})
}

// Clocks differ: a token of an issuer that is ahead is good at once, one that
// has just expired is good for a moment, and no more than that.
func TestTokenClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		at := now.Add
		exp := at(time.Minute)
		for _, test := range []struct {
			claims Claims
			want   error
			why    string
		}{
			{Claims{NotBefore: at(5 * time.Second), IssuedAt: at(5 * time.Second), Expires: exp}, nil, "an issuer that is ahead"},
			{Claims{NotBefore: at(5*time.Second + time.Millisecond), Expires: exp}, ErrNotYetValid, "too far ahead"},
			{Claims{IssuedAt: at(5*time.Second + time.Millisecond), Expires: exp}, ErrNotYetValid, "made in the future"},
			{Claims{Expires: at(-5*time.Second + time.Millisecond)}, nil, "just expired"},
			{Claims{Expires: at(-5 * time.Second)}, ErrInvalid, "expired longer ago"},
		} {
			v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}, ClockSkew: 5 * time.Second})
			token := tokenSign(t, test.claims, tokenHS256)
			if _, err := v.Verify(t.Context(), token, ScopeConnect); !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("%s: error %v, want %v", test.why, err, test.want)
			}
		}
		v := tokenVerifier(t, VerifierOptions{Keys: []Key{tokenHS256.Key()}})
		for _, c := range []Claims{{NotBefore: now, IssuedAt: now, Expires: at(time.Millisecond)}} {
			if _, err := v.Verify(t.Context(), tokenSign(t, c, tokenHS256), ScopeConnect); err != nil {
				t.Errorf("without skew, an exact token: %v", err)
			}
		}
	})
}

func FuzzVerifyToken(f *testing.F) {
	v := tokenVerifier(f, VerifierOptions{Keys: []Key{tokenHS256.Key(), {Algorithm: ES256, Public: tokenKeys()[ES256].Private.Public()}}})
	f.Add(tokenRaw(`{"alg":"HS256","typ":"JWT","kid":"a"}`, `{"scope":"connect","exp":4000000000}`), false)
	f.Add(tokenRaw(`{"alg":"HS256","alg":"none"}`, `{"scope":"connect","exp":4000000000}`), false)
	f.Add(`{"scope":"connect","exp":4000000000,"channels":{"#regex:a{1000}":{}}}`, true)
	f.Add("eyJhbGciOiJub25lIn0.e30.", false)
	f.Fuzz(func(t *testing.T, text string, sign bool) {
		token := text
		if sign {
			token = tokenRaw(`{"alg":"HS256"}`, text)
		}
		_, err := v.Verify(t.Context(), token, ScopeConnect)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrNotYetValid) {
				t.Errorf("error %v is neither invalid nor early", err)
			}
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 30 && strings.Contains(err.Error(), part) {
					t.Errorf("error %q has part of the token %q", err, token)
				}
			}
			return
		}
		// Whatever is accepted was signed here.
		parts := strings.Split(token, ".")
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		header, _ := base64.RawURLEncoding.DecodeString(parts[0])
		if token != tokenRaw(string(header), string(payload)) {
			t.Errorf("accepts %q", token)
		}
		var c Claims
		if err := decodeClaims(payload, &c); err != nil || c.Scope&ScopeConnect == 0 || !time.Now().Before(c.Expires) {
			t.Errorf("accepts %q with scope %v until %v: %v", token, c.Scope, c.Expires, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	claims := Claims{UID: "u", Channels: map[string]ChannelClaims{
		"room.1": {AutoSubscribe: Allow, Messages: map[string]MessageClaims{"chat": {Publish: Allow, Store: time.Hour}}},
		"room.*": {Subscribe: Allow},
	}}
	for _, a := range []Algorithm{HS256, RS256, ES256, EdDSA} {
		b.Run(string(a), func(b *testing.B) {
			k := tokenKeys()[a]
			v := tokenVerifier(b, VerifierOptions{Keys: []Key{k.Key()}})
			token := tokenSign(b, claims, k)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token, ScopeConnect); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
