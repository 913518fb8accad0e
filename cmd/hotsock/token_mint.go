package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// maxClaims is the length of the longest file of claims, in bytes.
const maxClaims = 64 << 10

var mintCommand = command{
	name:    "token mint",
	summary: "Sign a token, and print it",
	about: `
The key is that of the server: a secret of at least 32 bytes, or a private key in PEM.
What the token permits comes from --subscribe and --publish, or from a file of claims as
docs/protocol.md#14-tokens has them, or from both.`,
	examples: `
export HOTSOCK_KEY="$(cat secret.txt)"
hotsock token mint --uid jim --subscribe 'room.*' --publish room.7 --history
hotsock token mint --claims claims.json --expires 1m --key-file private.pem
export HOTSOCK_TOKEN="$(hotsock token mint --subscribe news)"`,
	define: func(f *flag.FlagSet) action {
		m := mint{channels: make(map[string]token.ChannelClaims)}
		m.key.define(f)
		f.StringVar(&m.claims, "claims", "", "begin with the claims in this JSON `FILE`, - for the standard input")
		f.StringVar(&m.scope, "scope", "", "what it is for: `WORDS` of connect, subscribe and umd (default connect)")
		f.StringVar(&m.uid, "uid", "", "the `USER`")
		f.StringVar(&m.umd, "umd", "", "the user's metadata, as `JSON`")
		f.DurationVar(&m.expires, "expires", 0, "how long it can be used, a `DURATION` (default 10m)")
		f.BoolVar(&m.once, "once", false, "it can be used once only")
		f.BoolVar(&m.history, "history", false, "with --subscribe: permit all that is stored, too")
		f.Func("subscribe", "permit subscribing to channels: a `PATTERN` (repeatable)", func(key string) error {
			c := m.channels[key]
			c.Subscribe = token.Allow
			m.channels[key] = c
			return nil
		})
		f.Func("publish", "permit publishing any event there: a `PATTERN` (repeatable)", func(key string) error {
			c := m.channels[key]
			c.Messages = map[string]token.MessageClaims{"*": {Publish: token.Allow, Broadcast: token.Allow}}
			m.channels[key] = c
			return nil
		})
		f.BoolVar(&m.json, "json", false, "print the token, when it expires and its claims as JSON")
		return m.run
	},
}

type mint struct {
	key                     keyFlag
	claims, scope, uid, umd string
	expires                 time.Duration
	once, history, json     bool
	channels                map[string]token.ChannelClaims
}

func (m *mint) run(_ context.Context, s *system, _ []string) error {
	key, ok, err := m.key.signing(s)
	if err != nil {
		return err
	}
	if !ok {
		return usagef("signing needs a key: give HOTSOCK_KEY or --key-file")
	}
	c, err := m.build(s)
	if err != nil {
		return err
	}
	text, err := token.Sign(c, key)
	if err != nil {
		return usagef("%v", err)
	}
	if len(c.Channels) == 0 && len(c.Calls) == 0 {
		s.notef("The token permits nothing on any channel: give --subscribe, --publish or --claims.")
	}
	if m.json {
		return writeJSON(s.stdout, struct {
			Token   string       `json:"token"`
			Expires time.Time    `json:"expiresAt"`
			Claims  token.Claims `json:"claims"`
		}{text, c.Expires, c})
	}
	return s.write(text + "\n")
}

// build puts the claims together.
func (m *mint) build(s *system) (token.Claims, error) {
	var c token.Claims
	if m.claims != "" {
		text, err := s.readFile(m.claims, "claims", maxClaims)
		if err != nil {
			return c, err
		}
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return c, usagef("the claims: %v", err)
		}
	}
	if err := m.use(&c); err != nil {
		return c, err
	}
	c.UID = cmp.Or(m.uid, c.UID)
	if m.umd != "" {
		if !json.Valid([]byte(m.umd)) {
			return c, usagef("--umd is not JSON")
		}
		c.UMD = json.RawMessage(m.umd)
	}
	for key, add := range m.channels {
		if m.history && add.Subscribe == token.Allow {
			add.HistoryStart = time.Unix(0, 0)
		}
		if _, both := c.Channels[key]; both {
			return c, usagef("%q is in the claims and among the flags", key)
		}
		if c.Channels == nil {
			c.Channels = make(map[string]token.ChannelClaims)
		}
		c.Channels[key] = add
	}
	return c, nil
}

// use sets for what and how long the token can be used.
func (m *mint) use(c *token.Claims) error {
	if m.scope != "" || c.Scope == 0 {
		words, err := json.Marshal(map[string]string{"scope": cmp.Or(m.scope, "connect")})
		if err != nil {
			return err
		}
		var only token.Claims
		if err := only.UnmarshalJSON(words); err != nil || only.Scope == 0 {
			return usagef("--scope is %q, and must have connect, subscribe or umd", m.scope)
		}
		c.Scope = only.Scope
	}
	now := time.Now().Truncate(time.Second)
	if c.IssuedAt.IsZero() {
		c.IssuedAt = now
	}
	const usual = 10 * time.Minute
	if m.expires < 0 {
		return usagef("--expires is in the past")
	}
	if m.expires > 0 || c.Expires.IsZero() {
		c.Expires = now.Add(cmp.Or(m.expires, usual))
	}
	c.SingleUse = c.SingleUse || m.once
	return nil
}

// in tells a time beside the present one, such as "in 5m0s" and "2h0m0s ago".
func in(t, now time.Time) string {
	d := t.Sub(now).Round(time.Second)
	if d < 0 {
		return fmt.Sprintf("%v ago", -d)
	}
	return fmt.Sprintf("in %v", d)
}
