package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

var inspectCommand = command{
	name:    "token inspect",
	args:    "[FILE]",
	summary: "Show what is in a token, whether a server takes it, and what is odd about it",
	about: `
Reads the token from the file, or from the standard input. With a key, its signature is
verified, too. The exit code is 3 if a server would refuse it.`,
	examples: `
hotsock token inspect < token.txt
pbpaste | hotsock token inspect --key-file public.pem
curl -s https://app.example.com/token | hotsock token inspect --json | jq .claims.channels`,
	define: func(f *flag.FlagSet) action {
		var x inspect
		x.key.define(f)
		f.DurationVar(&x.skew, "clock-skew", 5*time.Second, "how far clocks may differ, a `DURATION`")
		f.BoolVar(&x.json, "json", false, "print it as JSON")
		return x.run
	},
}

type inspect struct {
	key  keyFlag
	skew time.Duration
	json bool
}

// An inspection is what there is to say about a token.
type inspection struct {
	Algorithm string     `json:"algorithm"`
	KeyID     string     `json:"keyId,omitempty"`
	Signature string     `json:"signature"` // verified, unverified or unchecked
	Accepted  bool       `json:"accepted"`
	Refused   string     `json:"refused,omitempty"`
	IssuedAt  *time.Time `json:"issuedAt,omitempty"`
	NotBefore *time.Time `json:"notBefore,omitempty"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	Warnings  []string   `json:"warnings"`
	// Unused are claims of the token that mean nothing here.
	Unused []string        `json:"unused,omitempty"`
	Claims json.RawMessage `json:"claims"`

	claims token.Claims
}

func (x *inspect) run(ctx context.Context, s *system, args []string) error {
	text, err := readToken(s, args)
	if err != nil {
		return err
	}
	keys, err := x.key.verifying(s)
	if err != nil {
		return err
	}
	found, err := look(ctx, text, keys, x.skew)
	if err != nil {
		return err
	}
	if x.json {
		err = writeJSON(s.stdout, found)
	} else {
		err = s.write(found.text(time.Now()))
	}
	if err == nil && !found.Accepted {
		err = &codedError{exitRefused, errReported}
	}
	return err
}

// readToken reads the token that a command is about. It is not an argument.
func readToken(s *system, args []string) (string, error) {
	name := "-"
	if len(args) > 0 {
		name = args[0]
	}
	if strings.Count(name, ".") == 2 && strings.HasPrefix(name, "ey") {
		return "", usagef("a token on the command line is seen by everybody on this machine: give it on the standard input, or in a file")
	}
	if name == "-" && s.typed {
		s.notef("Paste the token, and then press Enter and Ctrl-D.")
	}
	text, err := s.readFile(name, "token", maxSecret)
	text = strings.TrimSpace(text)
	if err == nil && text == "" {
		err = usagef("there is no token")
	}
	s.hide(text)
	return text, err
}

// look inspects a token. The error says that it is none.
func look(ctx context.Context, text string, keys []token.Key, skew time.Duration) (*inspection, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("this is no token: it has %d parts between dots, and not 3", len(parts))
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	var h struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	if err1 != nil || err2 != nil || json.Unmarshal(header, &h) != nil || !json.Valid(payload) {
		return nil, errors.New("this is no token: its header or its claims are no JSON in base64url")
	}
	x := &inspection{Algorithm: h.Algorithm, KeyID: h.KeyID, Signature: "unchecked", Claims: payload, Warnings: []string{}}
	if x.read(payload); x.Refused != "" {
		return x, nil
	}
	x.IssuedAt, x.NotBefore, x.ExpiresAt = orNil(x.claims.IssuedAt), orNil(x.claims.NotBefore), orNil(x.claims.Expires)
	again, key, err := signedForNow(parts[1])
	if err != nil {
		return nil, err
	}
	reason := accepts(ctx, again, []token.Key{key}, skew, x.claims.Scope)
	if len(keys) > 0 {
		// Verifying looks at the claims only if the signature is good.
		x.Signature = "verified"
		if signed := accepts(ctx, text, keys, skew, x.claims.Scope); signed != nil && !sameText(signed, reason) {
			x.Signature, reason = "unverified", signed
		}
	}
	if reason != nil {
		x.Refused = reason.Error()
	}
	x.Accepted = x.Refused == ""
	x.Warnings, x.Unused = warnings(&x.claims, text), unused(payload, &x.claims)
	return x, nil
}

func sameText(a, b error) bool { return b != nil && a.Error() == b.Error() }

// read reads the claims.
func (x *inspection) read(payload []byte) {
	if err := x.claims.UnmarshalJSON(payload); err != nil {
		x.Refused = err.Error()
	}
}

// accepts returns why a server with these keys would refuse a token.
func accepts(ctx context.Context, text string, keys []token.Key, skew time.Duration, scope token.Scope) error {
	v, err := token.NewVerifier(token.VerifierOptions{Keys: keys, ClockSkew: skew})
	if err != nil {
		return err
	}
	for _, one := range []token.Scope{token.ScopeConnect, token.ScopeSubscribe, token.ScopeUMD} {
		if scope&one != 0 {
			_, err := v.Verify(ctx, text, one)
			return err
		}
	}
	return errors.New("the scope has none of connect, subscribe and umd")
}

// signedForNow signs claims with a key that is made for it, so that all but the
// signature can be checked as a server does it.
func signedForNow(payload string) (string, token.Key, error) {
	key := token.Key{Algorithm: token.HS256, Secret: newSecret()}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + payload
	mac := hmac.New(sha256.New, key.Secret)
	if _, err := mac.Write([]byte(text)); err != nil {
		return "", key, err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), key, nil
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// text is an inspection for people.
func (x *inspection) text(now time.Time) string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-10s %s\n", name, word(value)) }
	at := func(name string, t *time.Time) {
		if t != nil {
			line(name, t.Local().Format("2006-01-02 15:04:05 MST")+" ("+in(*t, now)+")")
		}
	}
	line("algorithm", x.Algorithm)
	if x.KeyID != "" {
		line("key id", x.KeyID)
	}
	line("signature", map[string]string{
		"verified": "verified with the key", "unverified": "not that of the key",
		"unchecked": "not checked: give a key with HOTSOCK_KEY or --key-file",
	}[x.Signature])
	if x.claims.Scope != 0 {
		line("scope", x.claims.Scope.String())
	}
	if x.claims.UID != "" {
		line("user", x.claims.UID)
	}
	at("issued", x.IssuedAt)
	at("valid from", x.NotBefore)
	at("expires", x.ExpiresAt)
	b.WriteString("claims\n  " + printable(indented(x.Claims)) + "\n")
	if x.Refused != "" {
		line("refused", x.Refused)
	} else {
		line("accepted", "as far as can be seen here: it may have been used or revoked")
	}
	for _, warning := range x.Warnings {
		line("warning", warning)
	}
	if len(x.Unused) > 0 {
		line("unused", strings.Join(x.Unused, ", "))
	}
	return b.String()
}

// indented is JSON over several lines. What is nested so deeply that little but spaces
// would come of it stays on one.
func indented(claims json.RawMessage) string {
	const deepest = 64 // claims that mean something have eight levels
	depth := 0
	for _, c := range claims {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth > deepest {
			return string(claims)
		}
	}
	var b bytes.Buffer
	if json.Indent(&b, claims, "  ", "  ") != nil {
		return string(claims)
	}
	return b.String()
}
