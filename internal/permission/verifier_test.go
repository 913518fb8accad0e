package permission

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

var signer = token.SigningKey{Algorithm: token.HS256, Secret: []byte("0123456789abcdef0123456789abcdef")}

func newVerifier(t testing.TB) *Verifier {
	t.Helper()
	v, err := NewVerifier(token.VerifierOptions{Keys: []token.Key{signer.Key()}, ClockSkew: 5 * time.Second}, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign signs a connect token that can be used now.
func sign(t testing.TB, c token.Claims) string {
	t.Helper()
	c.Scope = token.ScopeConnect
	if c.Expires.IsZero() {
		c.Expires = time.Now().Add(time.Minute)
	}
	text, err := token.Sign(c, signer)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A token may be genuine, and its claims no use here.
func TestVerifierRefusesClaims(t *testing.T) {
	v := newVerifier(t)
	for _, test := range []struct {
		claims token.Claims
		want   string
		why    string
	}{
		{token.Claims{}, "", "nothing is wrong"},
		{token.Claims{UMD: []byte(`"` + strings.Repeat("x", 1023) + `"`)}, "umd: must not be longer than 1024 bytes", "more metadata than here"},
	} {
		_, err := v.Verify(t.Context(), sign(t, test.claims), token.ScopeConnect)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want one with %q", test.why, err, test.want)
		}
	}
}

func TestVerifierTakesClaimsOfTheHost(t *testing.T) {
	v := newVerifier(t)
	g, err := v.Compile(&token.Claims{UID: "u"})
	if err != nil || g.UID != "u" {
		t.Errorf("claims of the host: %v, %v", g, err)
	}
	for want, c := range map[string]*token.Claims{
		"uid":               {UID: strings.Repeat("u", 129)},
		"#regex:(":          {Channels: map[string]token.ChannelClaims{"#regex:(": {}}},
		"is neither a name": {Channels: map[string]token.ChannelClaims{"#": {}}},
	} {
		if _, err := v.Compile(c); !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("claims %v: error %v, want one with %q", c, err, want)
		}
	}
}

// A single-use token is remembered as long as it is accepted.
func TestVerifierRemembersUsesForTheSkew(t *testing.T) {
	exp := time.Now().Add(time.Minute).Truncate(time.Second)
	g, err := newVerifier(t).Verify(t.Context(), sign(t, token.Claims{Expires: exp, SingleUse: true}), token.ScopeConnect)
	if err != nil {
		t.Fatal(err)
	}
	if want := exp.Add(5 * time.Second); g.SingleUse == nil || !g.SingleUse.Until.Equal(want) {
		t.Errorf("remembered until %v, want %v", g.SingleUse, want)
	}
}

// Claims that are valid compile, or say what a server refuses.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(`{"channels":{"#regex:a{1000}":{}}}`))
	f.Add([]byte(`{"umd":[ 1 ],"channels":{"a":{"alias":"b","autoSubscribe":true,"messages":{"*":{"react":["+1"],"store":5}}},"*":{"storage":{"k":{"store":-1}}}}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		var c token.Claims
		if c.UnmarshalJSON(text) != nil || c.Validate() != nil {
			return
		}
		g, err := compile(&c, pattern.NewCompiler(), 1<<10)
		if err != nil {
			return
		}
		Resolve("a", g, Added{Subscribe: g}).Event("e") // must not panic
		Resolve("a", g, Added{Subscribe: g}).Entry("k")
	})
}

func BenchmarkVerify(b *testing.B) {
	v := newVerifier(b)
	text := sign(b, token.Claims{UID: "u", Channels: map[string]token.ChannelClaims{
		"room.1": {AutoSubscribe: token.Allow, Messages: map[string]token.MessageClaims{"chat": {Publish: token.Allow, Store: time.Hour}}},
		"room.*": {Subscribe: token.Allow},
	}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.VerifyConnect(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}
