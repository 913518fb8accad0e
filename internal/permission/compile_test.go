package permission

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// grantOf compiles claims given as the payload of a token.
func grantOf(t testing.TB, payload string) *Grant {
	t.Helper()
	g, err := compilePayload(payload)
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return g
}

func compilePayload(payload string) (*Grant, error) {
	var c token.Claims
	if err := c.UnmarshalJSON([]byte(payload)); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return compile(&c, pattern.NewCompiler(), 1<<10)
}

// What claims are refused for that are valid.
func TestCompileRefuses(t *testing.T) {
	for _, test := range []struct{ payload, want, why string }{
		{`{"umd":"` + strings.Repeat("x", 1023) + `"}`, "umd: must not be longer than 1024 bytes", "oversized umd"},
		{`{"channels":{"#regex:(":{}}}`, "missing closing )", "does not compile"},
		{`{"channels":{"c":{"messages":{"#regex:[":{}}}}}`, `"c": messages: key "#regex:["`, "does not compile"},
		{`{"channels":{"c":{"storage":{"#regex:[":{}}}}}`, `"c": storage: key "#regex:["`, "does not compile"},
		{`{"channels":{"#regex:a{900}":{},"#regex:b{900}":{},"#regex:c{900}":{},"#regex:d{900}":{}}}`, "too large", "together too costly"},
		{`{"channels":{"#regex:a{900}":{"messages":{"#regex:b{900}":{},"#regex:c{900}":{}},"storage":{"#regex:d{900}":{}}}}}`, "too large", "together too costly"},
	} {
		if _, err := compilePayload(test.payload); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80s (%s): error %v, want one with %q", test.payload, test.why, err, test.want)
		}
	}
}

func TestCompileMetadata(t *testing.T) {
	for _, test := range []struct{ umd, want, why string }{
		{`{ "b" : 1.50 , "a" : [ 1e2 , "\u0041 \/" ] }`, `{"b":1.50,"a":[1e2,"\u0041 \/"]}`, "only white space goes"},
		{`9007199254740993`, `9007199254740993`, "numbers stay as they are"},
		{` null `, ``, "null is none"},
		{`""`, `""`, "empty is not none"},
	} {
		g := grantOf(t, `{"umd":`+test.umd+`}`)
		if got := string(g.UMD); got != test.want {
			t.Errorf("metadata %s become %s, want %s: %s", test.umd, got, test.want, test.why)
		}
	}
}

func TestCompileMetadataOfHosts(t *testing.T) {
	for _, none := range []json.RawMessage{nil, {}, json.RawMessage("null"), json.RawMessage(" null\n")} {
		g, err := compile(&token.Claims{UMD: none}, pattern.NewCompiler(), 1<<10)
		if err != nil || g.UMD != nil {
			t.Errorf("metadata %q become %q, %v, want none", none, g.UMD, err)
		}
	}
}

func TestCompileKeepsNothingOfTheHost(t *testing.T) {
	claims := func() token.Claims {
		return token.Claims{UMD: json.RawMessage(`{"name":"Jim"}`), Channels: map[string]token.ChannelClaims{"room.1": {
			Messages: map[string]token.MessageClaims{"chat": {Publish: token.Allow, Store: 24 * time.Hour, Reactions: []string{"👍", "👎"}}},
			Storage:  map[string]token.StorageClaims{"k": {Get: token.Allow, Store: time.Hour}},
		}}}
	}
	c := claims()
	g, err := compile(&c, pattern.NewCompiler(), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(claims(), c); diff != "" {
		t.Errorf("changed the host's claims (-want +got):\n%s", diff)
	}
	clear(c.UMD)
	chat := c.Channels["room.1"].Messages["chat"]
	chat.Reactions[0] = "x"
	clear(c.Channels["room.1"].Messages)
	clear(c.Channels)

	if retention := Resolve("room.1", g, Added{}).Entry("k").Retention; retention != time.Hour {
		t.Errorf("entries are now kept for %v", retention)
	}
	e := Resolve("room.1", g, Added{}).Event("chat")
	if !e.Publish || e.Retention != 24*time.Hour || e.MayReact("x") || !e.MayReact("👍") || g.UMD[0] != '{' {
		t.Errorf("the grant changed with the host's claims: %+v, %q", e, g.UMD)
	}
}

func TestCompileDefaultsOfStore(t *testing.T) {
	g := grantOf(t, `{"channels":{"c":{"messages":{"e":{}},"storage":{"k":{}}}}}`)
	c := Resolve("c", g, Added{})
	if retention := c.Event("e").Retention; retention != 0 {
		t.Errorf("messages are kept for %v, want not at all", retention)
	}
	if retention := c.Entry("k").Retention; retention != token.Forever {
		t.Errorf("entries are kept for %v, want for ever", retention)
	}
}
