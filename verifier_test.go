package hotsock

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

func newTestVerifier(t *testing.T) *verifier {
	t.Helper()
	o := Options{Keys: []Key{tokenHS256.Key()}}
	o.setDefaults()
	v, err := newVerifier(&o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A token may be genuine, and its claims no use here.
func TestVerifierRefusesClaims(t *testing.T) {
	v := newTestVerifier(t)
	for _, test := range []struct {
		claims Claims
		want   string
		why    string
	}{
		{Claims{}, "", "nothing is wrong"},
		{Claims{UMD: []byte(`"` + strings.Repeat("x", 1023) + `"`)}, "umd: must not be longer than 1024 bytes", "more metadata than here"},
	} {
		_, err := v.verify(t.Context(), tokenSign(t, test.claims, tokenHS256), ScopeConnect)
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want one with %q", test.why, err, test.want)
		}
	}
}

func TestVerifierTakesClaimsOfTheHost(t *testing.T) {
	v := newTestVerifier(t)
	g, err := v.compile(&Claims{UID: "u"})
	if err != nil || g.claims.UID != "u" {
		t.Errorf("claims of the host: %v, %v", g, err)
	}
	for want, c := range map[string]*Claims{
		"uid":               {UID: strings.Repeat("u", 129)},
		"#regex:(":          {Channels: map[string]ChannelClaims{"#regex:(": {}}},
		"is neither a name": {Channels: map[string]ChannelClaims{"#": {}}},
	} {
		if _, err := v.compile(c); !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("claims %v: error %v, want one with %q", c, err, want)
		}
	}
}

// A single-use token is remembered as long as it is accepted.
func TestVerifierRemembersUsesForTheSkew(t *testing.T) {
	exp := time.Now().Add(time.Minute).Truncate(time.Second)
	g, err := newTestVerifier(t).verify(t.Context(), tokenSign(t, Claims{Expires: exp, SingleUse: true}, tokenHS256), ScopeConnect)
	if err != nil {
		t.Fatal(err)
	}
	if want := exp.Add(5 * time.Second); g.once == nil || !g.once.until.Equal(want) {
		t.Errorf("remembered until %v, want %v", g.once, want)
	}
	o := Options{ClockSkew: -time.Hour}
	if o.setDefaults(); o.ClockSkew != 0 {
		t.Errorf("a negative ClockSkew is %v, not none", o.ClockSkew)
	}
}

// Claims that are valid compile, or say what a server refuses.
func FuzzCompileClaims(f *testing.F) {
	f.Add([]byte(`{"channels":{"#regex:a{1000}":{}}}`))
	f.Add([]byte(`{"umd":[ 1 ],"channels":{"a":{"alias":"b","autoSubscribe":true,"messages":{"*":{"react":["+1"],"store":5}}},"*":{"storage":{"k":{"store":-1}}}}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		var c Claims
		if c.UnmarshalJSON(text) != nil || c.Validate() != nil {
			return
		}
		g, err := compileClaims(&c, pattern.NewCompiler(), 1<<10)
		if err != nil {
			return
		}
		resolve("a", g, g).event("e") // must not panic
		resolve("a", g, g).entry("k")
	})
}
