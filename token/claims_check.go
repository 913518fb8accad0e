package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/internal/protocol"
)

// Limits of claims (docs/protocol.md#14-tokens and #limits).
const (
	minHeartbeat = 5 * time.Second
	maxHeartbeat = 600 * time.Second
	maxStore     = protocol.MaxStore * time.Second
)

// Validate returns what is wrong with claims, whatever they are used for. It
// ignores the fields that say when and for what a token can be used, and the
// length of UMD, which the server limits. It compiles no regular expressions;
// [Sign] and the server do.
func (c Claims) Validate() error {
	if err := checkUMD(c.UMD); err != nil {
		return fmt.Errorf("umd: %w", err)
	}
	switch {
	case !utf8.ValidString(c.UID):
		return errors.New("uid: must be UTF-8")
	case utf8.RuneCountInString(c.UID) > protocol.MaxUID:
		return fmt.Errorf("uid: must not be longer than %d characters", protocol.MaxUID)
	case c.SingleUse && c.ID == "":
		return errors.New("singleUse: needs a jti")
	case c.SingleUse && c.Expires.IsZero():
		return errors.New("singleUse: needs an exp")
	}
	if h := c.HeartbeatTimeout; h != 0 && (h < minHeartbeat || h > maxHeartbeat || h%time.Second != 0) {
		return fmt.Errorf("heartbeatTimeout: must be from %v to %v, in seconds", minHeartbeat, maxHeartbeat)
	}
	if err := checkChannels(c.Channels); err != nil {
		return fmt.Errorf("channels: %w", err)
	}
	if err := checkCalls(c.Calls); err != nil {
		return fmt.Errorf("calls: %w", err)
	}
	return nil
}

// checkUMD wants one JSON value that is not nested too deeply, or nothing.
func checkUMD(umd json.RawMessage) error {
	if len(umd) == 0 {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(umd))
	for {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		switch depth := dec.StackDepth(); {
		case depth > protocol.MaxDepth:
			return fmt.Errorf("must not be nested deeper than %d levels", protocol.MaxDepth)
		case depth > 0:
			continue
		}
		break
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("must be one JSON value")
	}
	return nil
}

func checkChannels(channels map[string]ChannelClaims) error {
	var aliases map[string]bool
	return checkKeys(channels, protocol.MatchesChannels, func(key string, c ChannelClaims) error {
		if err := checkKeys(c.Messages, protocol.MatchesEvents, checkMessage); err != nil {
			return fmt.Errorf("messages: %w", err)
		}
		if err := checkKeys(c.Storage, protocol.MatchesKeys, checkStorage); err != nil {
			return fmt.Errorf("storage: %w", err)
		}
		if err := checkCalls(c.Calls); err != nil {
			return fmt.Errorf("calls: %w", err)
		}
		if err := notOwn(c.Subscribe, c.AutoSubscribe, c.GetInfo, c.OmitFromSubCount, c.UMDUpdate); err != nil {
			return err
		}
		if pattern.IsPattern(key) {
			switch {
			case c.Alias != "":
				return errors.New("alias: not allowed on a pattern")
			case c.AutoSubscribe != Unset:
				return errors.New("autoSubscribe: not allowed on a pattern")
			}
		}
		if c.Alias == "" {
			return nil
		}
		_, isKey := channels[c.Alias]
		switch {
		case !protocol.ValidChannel(c.Alias):
			return errors.New("alias: must be a channel name")
		case isKey:
			return errors.New("alias: is a channel key too")
		case aliases[c.Alias]:
			return errors.New("alias: is another channel's too")
		}
		if aliases == nil {
			aliases = make(map[string]bool)
		}
		aliases[c.Alias] = true
		return nil
	})
}

var (
	errTooManyKeys = fmt.Errorf("more than %d keys", protocol.MaxClaimKeys)
	errNotAKey     = errors.New(`is neither a name, nor a pattern with * that a name can match, nor "#regex:" and an expression`)
)

// checkKeys checks each key and what stands under it. A key that can match no
// name would be ignored, and a denial with it: "#Regex:^secret", say.
func checkKeys[T any](values map[string]T, matches func(key string) bool, check func(key string, v T) error) error {
	if len(values) > protocol.MaxClaimKeys {
		return errTooManyKeys
	}
	// Sorted, so that it does not depend on luck which error is found.
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !pattern.IsRegexp(key) && !matches(key) {
			return fmt.Errorf("%q: %w", key, errNotAKey)
		}
		if err := check(key, values[key]); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

func checkCalls(calls map[string]Permission) error {
	return checkKeys(calls, protocol.MatchesMethods, func(_ string, p Permission) error { return notOwn(p) })
}

// notOwn refuses [Own] in permissions that cannot have it.
func notOwn(permissions ...Permission) error {
	if slices.Contains(permissions, Own) {
		return errors.New("only update, delete and stop can be Own")
	}
	return nil
}

func checkMessage(_ string, m MessageClaims) error {
	if err := notOwn(m.Publish, m.Broadcast, m.Echo, m.EmitPubSubEvent, m.React); err != nil {
		return err
	}
	if m.React != Unset && m.Reactions != nil {
		return errors.New("react: both a boolean and a list")
	}
	for _, r := range m.Reactions {
		if _, ok := protocol.NormalReaction(r); !ok {
			return fmt.Errorf("react: %.100q is not a reaction", r)
		}
	}
	return checkStore(m.Store, 0)
}

func checkStorage(_ string, s StorageClaims) error {
	if err := notOwn(s.Get, s.Set, s.Observe, s.EmitPubSubEvent); err != nil {
		return err
	}
	return checkStore(s.Store, time.Second)
}

func checkStore(keep, least time.Duration) error {
	if keep == 0 || keep == Forever || keep == Never && least == 0 {
		return nil
	}
	if keep < least || keep > maxStore || keep%time.Second != 0 {
		return fmt.Errorf("store: must be -1, or from %.0f to %.0f, in seconds", least.Seconds(), maxStore.Seconds())
	}
	return nil
}

// checkPatterns compiles all keys.
func (c Claims) checkPatterns() error {
	t := pattern.NewCompiler().Token()
	_, err := pattern.NewSet(t, c.Channels)
	for _, channel := range c.Channels {
		if err == nil {
			_, err = pattern.NewSet(t, channel.Messages)
		}
		if err == nil {
			_, err = pattern.NewSet(t, channel.Storage)
		}
		if err == nil {
			_, err = pattern.NewSet(t, channel.Calls)
		}
	}
	if err == nil {
		_, err = pattern.NewSet(t, c.Calls)
	}
	return err
}
