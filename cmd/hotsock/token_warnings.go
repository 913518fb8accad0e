package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// Beyond these, a token is odd.
const (
	longLife   = 24 * time.Hour
	longToken  = 4 << 10 // bytes: many proxies take 8 KiB of URL and headers
	anyChannel = "probe"
)

// warnings are about what a server takes, and its app may not have meant.
func warnings(c *token.Claims, text string) []string {
	list := []string{}
	warn := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if c.Expires.IsZero() {
		warn("there is no exp: no server takes it")
	} else if from := c.IssuedAt; !from.IsZero() && c.Expires.Sub(from) > longLife {
		warn("it can be used for %v: whoever finds it can, too; minutes are enough to connect", c.Expires.Sub(from))
	}
	if c.IssuedAt.IsZero() {
		warn("there is no iat: a revocation of its user's tokens refuses it, however new it is")
	}
	if c.Scope&token.ScopeConnect != 0 && c.UID == "" {
		warn("there is no uid: presence channels and reactions refuse it, and a publish that breaks off is not repeated")
	}
	if len(c.Channels) == 0 && len(c.Calls) == 0 && c.Scope&(token.ScopeConnect|token.ScopeSubscribe) != 0 {
		warn("it permits nothing on any channel")
	}
	if len(text) > longToken {
		warn("it has %d bytes: servers take up to %d, and proxies before them often less", len(text), 8<<10)
	}
	wide, err := widest(c)
	if err != nil {
		warn("%v", err)
	}
	for _, key := range wide {
		does := permitted(c.Channels[key])
		if does != "" {
			warn("%q matches every channel, the presence channels and those of others, too: it permits %s", key, does)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Channels)) {
		if expression, ok := strings.CutPrefix(key, "#regex:"); ok && !slices.Contains(wide, key) &&
			(!strings.HasPrefix(expression, "^") || !strings.HasSuffix(expression, "$")) {
			warn("%q matches in the middle of names, too: begin it with ^ and end it with $", key)
		}
	}
	return list
}

// widest returns the keys that match channels of any name.
func widest(c *token.Claims) ([]string, error) {
	keys := make(map[string]bool)
	for key := range c.Channels {
		keys[key] = true
	}
	set, err := pattern.NewSet(pattern.NewCompiler().Token(), keys)
	if err != nil {
		return nil, err
	}
	matching := make(map[string]int)
	names := []string{anyChannel + rand.Text(), "presence." + rand.Text()}
	for _, name := range names {
		for key := range set.Match(name) {
			matching[key]++
		}
	}
	var wide []string
	for _, key := range slices.Sorted(maps.Keys(matching)) {
		if matching[key] == len(names) {
			wide = append(wide, key)
		}
	}
	return wide, nil
}

// permitted says what the claims of a channel permit, in short.
func permitted(c token.ChannelClaims) string {
	var does []string
	if c.Subscribe == token.Allow {
		does = append(does, "subscribing")
	}
	for _, m := range c.Messages {
		if m.Publish == token.Allow || m.Broadcast == token.Allow {
			does = append(does, "publishing")
			break
		}
	}
	for _, e := range c.Storage {
		if e.Set == token.Allow {
			does = append(does, "writing storage")
			break
		}
	}
	return strings.Join(does, " and ")
}

// unused returns the paths of what a token has and nothing here reads: claims of
// others, and names that are misspelt.
func unused(payload []byte, c *token.Claims) []string {
	read, err := c.MarshalJSON()
	if err != nil {
		return nil
	}
	var there, known any
	if json.Unmarshal(payload, &there) != nil || json.Unmarshal(read, &known) != nil {
		return nil
	}
	var paths []string
	differences("", there, known, &paths)
	slices.Sort(paths)
	return paths
}

func differences(path string, there, known any, paths *[]string) {
	members, ok := there.(map[string]any)
	if !ok {
		return
	}
	counterpart, _ := known.(map[string]any)
	for name, value := range members {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch other, ok := counterpart[name]; {
		case ok && at == "umd", value == nil, empty(value):
		case ok:
			differences(at, value, other, paths)
		default:
			*paths = append(*paths, at)
		}
	}
}

func empty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// newSecret makes a key of HS256.
func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return secret
}
