package hotsock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// Limits of claims (docs/protocol.md#14-tokens and #limits).
const (
	minHeartbeat = 5 * time.Second
	maxHeartbeat = 600 * time.Second
	maxStore     = wire.MaxStore * time.Second
)

// compileClaims checks all of the claims but those that say when, where and for
// what a token can be used. Metadata may have maxUMD bytes.
func compileClaims(c *Claims, compiler *pattern.Compiler, maxUMD int) (*grant, error) {
	umd, err := compactUMD(c.UMD, maxUMD)
	switch {
	case err != nil:
		return nil, fmt.Errorf("umd: %w", err)
	case !utf8.ValidString(c.UID):
		return nil, errors.New("uid: must be UTF-8")
	case utf8.RuneCountInString(c.UID) > maxUID:
		return nil, fmt.Errorf("uid: must not be longer than %d characters", maxUID)
	case c.SingleUse && c.ID == "":
		return nil, errors.New("singleUse: needs a jti")
	case c.SingleUse && c.Expires.IsZero():
		return nil, errors.New("singleUse: needs an exp")
	}
	if h := c.HeartbeatTimeout; h != 0 && (h < minHeartbeat || h > maxHeartbeat || h%time.Second != 0) {
		return nil, fmt.Errorf("heartbeatTimeout: must be from %v to %v, in seconds", minHeartbeat, maxHeartbeat)
	}

	g := &grant{
		claims: grantedClaims{
			UID: c.UID, ConnectionID: c.ConnectionID, UMD: umd,
			HeartbeatTimeout: c.HeartbeatTimeout, KeepAlive: c.KeepAlive,
			UMDUpdate: c.UMDUpdate, UMDPropagate: c.UMDPropagate,
		},
		once: newSingleUse(c),
	}
	if err := g.compileChannels(c.Channels, compiler.Token()); err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	return g, nil
}

// compactUMD returns nil for null: it is the same as no metadata.
func compactUMD(umd json.RawMessage, most int) (json.RawMessage, error) {
	if len(umd) == 0 {
		return nil, nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(umd))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
		switch depth := dec.StackDepth(); {
		case depth > wire.MaxDepth:
			return nil, fmt.Errorf("must not be nested deeper than %d levels", wire.MaxDepth)
		case depth > 0:
			continue
		}
		break
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be one JSON value")
	}
	compact := jsontext.Value(bytes.Clone(umd))
	if err := compact.Compact(); err != nil {
		return nil, err
	}
	if len(compact) > most {
		return nil, fmt.Errorf("must not be longer than %d bytes", most)
	}
	if compact.Kind() == jsontext.KindNull {
		return nil, nil
	}
	return json.RawMessage(compact), nil
}

func (g *grant) compileChannels(channels map[string]ChannelClaims, t *pattern.Token) error {
	if len(channels) > maxClaimKeys {
		return errTooManyKeys
	}
	rules := make(map[string]*channelRule, len(channels))
	// Sorted, so that it does not depend on luck which error is found.
	for _, key := range slices.Sorted(maps.Keys(channels)) {
		if !isChannelKey(key) {
			return fmt.Errorf("%q: %w", key, errNotAKey)
		}
		c := channels[key]
		r, err := compileChannel(key, &c, t)
		if err == nil {
			err = g.addNames(key, &c, channels)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		rules[key] = r
	}
	var err error
	if g.channels, err = pattern.NewSet(t, rules); err != nil {
		return err
	}
	// That a channel is subscribed without asking does not overrule what says
	// that it may not be.
	g.auto = slices.DeleteFunc(g.auto, func(channel string) bool {
		return !resolve(channel, g, nil).subscribe
	})
	return nil
}

// addNames takes up a channel's alias and whether to subscribe it on connecting.
func (g *grant) addNames(key string, c *ChannelClaims, channels map[string]ChannelClaims) error {
	if pattern.IsPattern(key) {
		switch {
		case c.Alias != "":
			return errors.New("alias: not possible on a pattern")
		case c.AutoSubscribe != Unset:
			return errors.New("autoSubscribe: not possible on a pattern")
		}
		return nil
	}
	if c.AutoSubscribe == Allow {
		g.auto = append(g.auto, key)
	}
	if c.Alias == "" {
		return nil
	}
	_, isKey := channels[c.Alias]
	_, isAlias := g.aliases[c.Alias]
	switch {
	case !wire.ValidChannel(c.Alias, maxChannel):
		return errors.New("alias: must be a channel name")
	case isKey:
		return errors.New("alias: is a channel key too")
	case isAlias:
		return errors.New("alias: is another channel's too")
	}
	if g.aliases == nil {
		g.aliases = make(map[string]string)
	}
	g.aliases[c.Alias] = key
	return nil
}

var (
	errTooManyKeys = fmt.Errorf("more than %d keys", maxClaimKeys)
	errNotAKey     = errors.New(`is neither a name, nor a pattern with * that a name can match, nor "#regex:" and an expression`)
)

// isKey reports whether a key can match a name. One that cannot would be
// ignored, and a denial with it: "#Regex:^secret", say.
func isKey(key string, most int, valid func(name string, most int) bool) bool {
	if pattern.IsRegexp(key) {
		return true // whether it is one is found when it is compiled
	}
	// Any character will do in the place of a wildcard, and does not count.
	return valid(strings.ReplaceAll(key, "*", "x"), most+strings.Count(key, "*"))
}

func isChannelKey(key string) bool { return isKey(key, maxChannel, wire.ValidChannel) }
func isStorageKey(key string) bool { return isKey(key, maxKey, wire.ValidKey) }

// isEventKey accepts the names of the protocol's own events, which nobody can
// publish whatever a key says.
func isEventKey(key string) bool {
	return isKey(strings.TrimPrefix(key, wire.EventPrefix), maxEvent, wire.ValidEvent)
}

func compileChannel(key string, c *ChannelClaims, t *pattern.Token) (*channelRule, error) {
	r := &channelRule{key: key, claims: *c}
	r.claims.Messages, r.claims.Storage = nil, nil
	var err error
	if r.messages, err = compileKeys(c.Messages, t, isEventKey, (*MessageClaims).check); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	if r.storage, err = compileKeys(c.Storage, t, isStorageKey, (*StorageClaims).check); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return r, nil
}

// compileKeys compiles a map after each of its keys and values, copied, was
// checked.
func compileKeys[T any](values map[string]T, t *pattern.Token, isKey func(string) bool, check func(*T) error) (pattern.Set[*T], error) {
	if len(values) > maxClaimKeys {
		return pattern.Set[*T]{}, errTooManyKeys
	}
	checked := make(map[string]*T, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !isKey(key) {
			return pattern.Set[*T]{}, fmt.Errorf("%q: %w", key, errNotAKey)
		}
		v := values[key]
		if err := check(&v); err != nil {
			return pattern.Set[*T]{}, fmt.Errorf("%q: %w", key, err)
		}
		checked[key] = &v
	}
	return pattern.NewSet(t, checked)
}

// check makes sure of what it is called on, and that nothing in it is shared.
func (m *MessageClaims) check() error {
	if m.React != Unset && m.Reactions != nil {
		return errors.New("react: both a boolean and a list")
	}
	m.Reactions = slices.Clone(m.Reactions)
	for i, r := range m.Reactions {
		var ok bool
		if m.Reactions[i], ok = wire.NormalReaction(r, maxReaction); !ok {
			return fmt.Errorf("react: %.100q is not a reaction", r)
		}
	}
	return checkStore(&m.Store, 0)
}

func (s *StorageClaims) check() error { return checkStore(&s.Store, time.Second) }

func checkStore(d **time.Duration, least time.Duration) error {
	if *d == nil {
		return nil
	}
	keep := **d
	*d = &keep
	if keep != store.Forever && (keep < least || keep > maxStore || keep%time.Second != 0) {
		return fmt.Errorf("store: must be -1, or from %.0f to %.0f, in seconds", least.Seconds(), maxStore.Seconds())
	}
	return nil
}
