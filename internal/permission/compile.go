package permission

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/token"
)

// compile compiles claims that are valid ([token.Claims.Validate]). Metadata may
// have maxUMD bytes.
func compile(c *token.Claims, compiler *pattern.Compiler, maxUMD int) (*Grant, error) {
	umd, err := compactUMD(c.UMD, maxUMD)
	if err != nil {
		return nil, fmt.Errorf("umd: %w", err)
	}
	g := &Grant{
		UID: c.UID, ConnectionID: c.ConnectionID, UMD: umd,
		HeartbeatTimeout: c.HeartbeatTimeout, KeepAlive: c.KeepAlive,
		UMDUpdate: c.UMDUpdate, UMDPropagate: c.UMDPropagate,
		TokenID: c.ID, IssuedAt: c.IssuedAt,
		SingleUse: newSingleUse(c),
	}
	t := compiler.Token()
	if err := g.compileChannels(c.Channels, t); err != nil {
		return nil, fmt.Errorf("channels: %w", err)
	}
	if g.calls, err = compileCalls(c.Calls, t); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return g, nil
}

// compactUMD returns nil for null: it is the same as no metadata.
func compactUMD(umd json.RawMessage, most int) (json.RawMessage, error) {
	if len(umd) == 0 {
		return nil, nil
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

func (g *Grant) compileChannels(channels map[string]token.ChannelClaims, t *pattern.Token) error {
	rules := make(map[string]*Rule, len(channels))
	// Sorted, so that it does not depend on luck which error is found.
	for _, key := range slices.Sorted(maps.Keys(channels)) {
		c := channels[key]
		r, err := compileChannel(key, &c, t)
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		rules[key] = r
		g.addNames(key, &c)
	}
	var err error
	if g.channels, err = pattern.NewSet(t, rules); err != nil {
		return err
	}
	// That a channel is subscribed without asking does not overrule what says
	// that it may not be.
	g.AutoSubscribe = slices.DeleteFunc(g.AutoSubscribe, func(channel string) bool {
		return !Resolve(channel, g, Added{}).Subscribe
	})
	return nil
}

// addNames takes up a channel's alias and whether to subscribe it on connecting.
func (g *Grant) addNames(key string, c *token.ChannelClaims) {
	if c.AutoSubscribe == token.Allow {
		g.AutoSubscribe = append(g.AutoSubscribe, key)
	}
	if c.Alias != "" {
		if g.aliases == nil {
			g.aliases = make(map[string]string)
		}
		g.aliases[c.Alias] = key
	}
}

func compileChannel(key string, c *token.ChannelClaims, t *pattern.Token) (*Rule, error) {
	r := &Rule{Key: key, Claims: *c}
	r.Claims.Messages, r.Claims.Storage, r.Claims.Calls = nil, nil, nil
	var err error
	if r.messages, err = compileKeys(c.Messages, t, ownMessage); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	for _, m := range c.Messages {
		r.stops = r.stops || m.Stop == token.Allow || m.Stop == token.Own
	}
	if r.storage, err = compileKeys(c.Storage, t, ownStorage); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if r.calls, err = compileCalls(c.Calls, t); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return r, nil
}

// compileKeys compiles a map of copies that share nothing with the claims.
func compileKeys[T any](values map[string]T, t *pattern.Token, own func(T) *T) (pattern.Set[*T], error) {
	if len(values) == 0 {
		return pattern.Set[*T]{}, nil
	}
	copies := make(map[string]*T, len(values))
	for key, v := range values {
		copies[key] = own(v)
	}
	return pattern.NewSet(t, copies)
}

func ownMessage(m token.MessageClaims) *token.MessageClaims {
	m.Reactions = slices.Clone(m.Reactions)
	for i, r := range m.Reactions {
		m.Reactions[i], _ = protocol.NormalReaction(r)
	}
	return &m
}

func ownStorage(s token.StorageClaims) *token.StorageClaims { return new(s) }
