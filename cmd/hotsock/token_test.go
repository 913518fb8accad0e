package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// claims permit a user to use one channel.
func claims(channel, uid string) token.Claims {
	return token.Claims{UID: uid, Channels: map[string]token.ChannelClaims{channel: {
		Subscribe: token.Allow, HistoryStart: time.Unix(0, 0), GetInfo: token.Allow,
		Messages: map[string]token.MessageClaims{"chat": {Publish: token.Allow, Store: time.Hour, Echo: token.Allow}},
		Calls:    map[string]token.Permission{"*": token.Allow},
	}}, Calls: map[string]token.Permission{"*": token.Allow}}
}

// TestMint: what is minted is what was asked for, and a server takes it.
func TestMint(t *testing.T) {
	x := (&terminal{t, nil}).with("HOTSOCK_KEY", testSecret)
	for _, row := range []struct {
		why, stdin string
		args       []string
		want       string // the claims but for their times
	}{
		{
			"permissions", "",
			[]string{"--uid", "jim", "--subscribe", "room.*", "--publish", "room.7", "--publish", "room.*", "--history"},
			`{"scope":"connect","uid":"jim","channels":{"room.*":{"subscribe":true,"historyStart":0,"messages":{"*":{"publish":true,"broadcast":true}}},` +
				`"room.7":{"messages":{"*":{"publish":true,"broadcast":true}}}}}`,
		},
		{
			"claims of a file, and more", `{"uid":"pam","channels":{"a":{"subscribe":true}}}`,
			[]string{"--claims", "-", "--subscribe", "b", "--umd", `{"n":1}`},
			`{"scope":"connect","uid":"pam","umd":{"n":1},"channels":{"a":{"subscribe":true},"b":{"subscribe":true}}}`,
		},
		{
			"another scope", "",
			[]string{"--scope", "subscribe umd", "--uid", "jim", "--subscribe", "a"},
			`{"scope":"subscribe umd","uid":"jim","channels":{"a":{"subscribe":true}}}`,
		},
	} {
		var out struct {
			Token   string         `json:"token"`
			Expires time.Time      `json:"expiresAt"`
			Claims  map[string]any `json:"claims"`
		}
		text := x.must(row.stdin, append([]string{"token", "mint", "--json"}, row.args...)...)
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatalf("%s: %v: %s", row.why, err, text)
		}
		if left := time.Until(out.Expires); left < 9*time.Minute || left > 10*time.Minute {
			t.Errorf("%s: it expires in %v", row.why, left)
		}
		delete(out.Claims, "exp")
		delete(out.Claims, "iat")
		got, want := normal(t, out.Claims), normal(t, json.RawMessage(row.want))
		if got != want {
			t.Errorf("%s: %s, want %s", row.why, got, want)
		}
		if code, _, errs := x.run(out.Token, "token", "inspect"); code != exitOK {
			t.Errorf("%s: %s", row.why, errs)
		}
	}
	for _, row := range []struct {
		why, stdin string
		x          *terminal
		args       []string
		says       string
	}{
		{"no key", "", x.with("HOTSOCK_KEY", ""), nil, "HOTSOCK_KEY"},
		{"no scope", "", x, []string{"--scope", "admin"}, "--scope"},
		{"malformed claims", `{"channels":{"a":{"subscribe":"yes"}}}`, x, []string{"--claims", "-"}, "subscribe"},
		{"a pattern that matches nothing", "", x, []string{"--subscribe", "#Regex:x"}, "#Regex:x"},
		{"for nobody", "", x, []string{"--scope", "umd"}, "for whom"},
		{"in the past", "", x, []string{"--expires", "-1m"}, "past"},
		{"one channel twice", `{"channels":{"a":{}}}`, x, []string{"--claims", "-", "--subscribe", "a"}, "among the flags"},
		{"metadata that are no JSON", "", x, []string{"--umd", "jim"}, "--umd"},
	} {
		if code, out, errs := row.x.run(row.stdin, append([]string{"token", "mint"}, row.args...)...); code != exitUsage || !strings.Contains(errs, row.says) || out != "" {
			t.Errorf("%s: exit code %d: %s", row.why, code, errs)
		}
	}
	if _, _, errs := x.run("", "token", "mint"); !strings.Contains(errs, "permits nothing") {
		t.Errorf("of a token that is good for nothing it says %q", errs)
	}
}

// normal is JSON in one form.
func normal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var back any
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	b, err = json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPEM: a private key in PEM signs, and either half of it verifies.
func TestPEM(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err1 := x509.MarshalPKCS8PrivateKey(key)
	public, err2 := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	dir := t.TempDir()
	write := func(kind string, der []byte) string {
		file := filepath.Join(dir, kind)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	privateFile, publicFile := write("PRIVATE KEY", private), write("PUBLIC KEY", public)
	x := &terminal{t, nil}
	text := x.must("", "token", "mint", "--key-file", privateFile, "--kid", "k1", "--subscribe", "room")
	for _, file := range []string{privateFile, publicFile} {
		if out := x.must(text, "token", "inspect", "--key-file", file); !strings.Contains(out, "verified with the key") || !strings.Contains(out, "ES384") {
			t.Errorf("%s: %s", file, out)
		}
	}
	if code, _, errs := x.run("", "token", "mint", "--key-file", publicFile); code != exitFailed || !strings.Contains(errs, "private key") {
		t.Errorf("a public key signs: %d, %s", code, errs)
	}
	if code, _, errs := x.run("", "token", "mint", "--key-file", privateFile, "--alg", "RS256"); code != exitFailed || !strings.Contains(errs, "RS256") {
		t.Errorf("a key of another algorithm signs: %d, %s", code, errs)
	}
}

// TestInspect: what is wrong with a token, and what is odd.
func TestInspect(t *testing.T) {
	x := &terminal{t, nil}
	keyed := x.with("HOTSOCK_KEY", testSecret)
	ago := time.Now().Add(-time.Hour)
	wide := claims("*", "jim")
	wide.IssuedAt = time.Now()
	for _, row := range []struct {
		why   string
		x     *terminal
		token string
		code  int
		says  []string
	}{
		{"a good one", keyed, mustSign(t, claims("room", "jim")), exitOK, []string{"verified with the key", "user       jim", "(in ", "accepted"}},
		{"without the key", x, mustSign(t, claims("room", "jim")), exitOK, []string{"not checked", "accepted"}},
		{"with another key", x.with("HOTSOCK_KEY", testSecret+"!"), mustSign(t, claims("room", "jim")), exitRefused, []string{"not that of the key", "refused"}},
		{"expired, with the key", keyed, mustSign(t, token.Claims{Expires: ago}), exitRefused, []string{"verified with the key", "refused    invalid token: expired"}},
		{"expired, with another key", x.with("HOTSOCK_KEY", testSecret+"!"), mustSign(t, token.Claims{Expires: ago}), exitRefused, []string{"not that of the key"}},
		{"expired", x, mustSign(t, token.Claims{Expires: ago}), exitRefused, []string{"ago)", "refused    invalid token: expired"}},
		{"issued by a clock that is ahead", keyed, mustSign(t, token.Claims{IssuedAt: time.Now().Add(time.Minute)}), exitRefused, []string{"clock is ahead"}},
		{"no expiry", x, unsigned(`{"scope":"connect"}`), exitRefused, []string{"refused    invalid token: no exp", "warning    there is no exp"}},
		{"no scope", x, unsigned(`{"exp":99999999999}`), exitRefused, []string{"the scope has none"}},
		{"malformed", x, unsigned(`{"scope":"connect","channels":7}`), exitRefused, []string{"refused", "channels"}},
		{"everything everywhere", x, mustSign(t, wide), exitOK, []string{`warning    "*" matches every channel`, "subscribing and publishing"}},
		{"an expression that is not anchored", x, mustSign(t, claims("#regex:room", "jim")), exitOK, []string{"in the middle of names"}},
		{"an expression that matches all", x, mustSign(t, claims("#regex:.", "jim")), exitOK, []string{`"#regex:." matches every channel`}},
		{"long", x, mustSign(t, token.Claims{Expires: time.Now().Add(48 * time.Hour), IssuedAt: time.Now()}), exitOK, []string{"48h0m", "permits nothing", "no uid"}},
		{"misspelt", x, unsigned(`{"scope":"connect","exp":99999999999,"sub":"jim","channels":{"a":{"subscribe":true,"publish":{"x":true}}}}`), exitOK, []string{"unused     channels.a.publish, sub"}},
		{"hostile text", x, unsigned(`{"scope":"connect","exp":99999999999,"uid":"\u001b[2J` + "\u202e" + `"}`), exitOK, []string{`\u001b[2J\u202e`}},
	} {
		code, out, errs := row.x.run(row.token+"\n", "token", "inspect")
		if code != row.code || errs != "" {
			t.Errorf("%s: exit code %d, want %d: %s%s", row.why, code, row.code, out, errs)
		}
		for _, text := range row.says {
			if !strings.Contains(out, text) {
				t.Errorf("%s: it does not say %q:\n%s", row.why, text, out)
			}
		}
		if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && !harmless(r) }) {
			t.Errorf("%s: %q", row.why, out)
		}
		_, text, _ := row.x.run(row.token, "token", "inspect", "--json")
		var found inspection
		if err := json.Unmarshal([]byte(text), &found); err != nil || found.Accepted != (row.code == exitOK) || found.Claims == nil {
			t.Errorf("%s: %v: %s", row.why, err, text)
		}
	}
	for _, text := range []string{"", "abc", "a.b", "a.b.c", "e30.!.x", strings.Repeat("x", maxSecret+1)} {
		if code, out, errs := x.run(text, "token", "inspect"); code == exitOK || out != "" || errs == "" {
			t.Errorf("%.20q: exit code %d, %q, %q", text, code, out, errs)
		}
	}
	if code, _, errs := x.run("", "token", "inspect", mustSign(t, claims("room", "jim"))); code != exitUsage || !strings.Contains(errs, "seen by everybody") {
		t.Errorf("a token as an argument: exit code %d, %s", code, errs)
	}
}

// unsigned is a token with claims that Sign would refuse.
func unsigned(claims string) string {
	text, _, err := signedForNow(base64.RawURLEncoding.EncodeToString([]byte(claims)))
	if err != nil {
		panic(err)
	}
	return text
}

// TestExplain asks what a token permits.
func TestExplain(t *testing.T) {
	x := (&terminal{t, nil}).with("HOTSOCK_KEY", testSecret)
	good := mustSign(t, claims("room", "jim"))
	expired := mustSign(t, token.Claims{Expires: time.Now().Add(-time.Hour), Channels: claims("room", "jim").Channels})
	for _, row := range []struct {
		why   string
		x     *terminal
		token string
		args  []string
		code  int
		says  string
	}{
		{"permitted", x, good, []string{"publish", "--channel", "room", "--event", "chat"}, exitOK, `publish on "room": yes, while subscribed`},
		{"not permitted", x, good, []string{"publish", "--channel", "room", "--event", "other"}, exitRefused, "no (PUBLISH_PERMISSION_DENIED)"},
		{"expired, with the key", x, expired, []string{"subscribe", "--channel", "room"}, exitRefused, "expired"},
		{"expired, without", x.with("HOTSOCK_KEY", ""), expired, []string{"subscribe", "--channel", "room"}, exitOK, "yes"},
		{"of somebody else", x.with("HOTSOCK_KEY", testSecret+"!"), good, []string{"connect"}, exitRefused, "not valid"},
		{"all there is to say", x, good, []string{"--channel", "room", "--event", "chat"}, exitOK, "publish        subscribed"},
		{"all of a channel", x, good, []string{"--channel", "other"}, exitOK, "subscribe      no"},
		{"a method", x, good, []string{"call", "--method", "typing"}, exitOK, "calls is true"},
	} {
		code, out, errs := row.x.run(row.token, append([]string{"token", "explain"}, row.args...)...)
		if code != row.code || !strings.Contains(out, row.says) {
			t.Errorf("%s: exit code %d, want %d: %s%s", row.why, code, row.code, out, errs)
		}
	}
	for _, args := range [][]string{{"fly"}, {"publish"}, {"publish", "--channel", "room"}, {"--channel", "a b"}} {
		if code, _, errs := x.run(good, append([]string{"token", "explain"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
	lines := strings.Split(strings.TrimSpace(x.must(good, "token", "explain", "--channel", "room", "--json")), "\n")
	for _, line := range lines {
		var e struct {
			Action  string
			Allowed *bool
			Reason  string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" || e.Allowed == nil || e.Reason == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
	if len(lines) < 4 {
		t.Errorf("only %d answers", len(lines))
	}
}

// TestTokenDeep: claims that would be indented to hundreds of times their length are not.
func TestTokenDeep(t *testing.T) {
	const levels = 5000
	claims := strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels)
	text := "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	_, out, _ := (&terminal{t, nil}).run(text, "token", "inspect")
	if !strings.Contains(out, claims) || len(out) > 2*len(claims) {
		t.Errorf("%d bytes of %d are shown", len(out), len(claims))
	}
}
