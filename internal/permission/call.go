package permission

import (
	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// calls are the compiled keys of methods. Few tokens have any, so they are behind a
// pointer.
type calls struct{ keys pattern.Set[token.Permission] }

func compileCalls(values map[string]token.Permission, t *pattern.Token) (*calls, error) {
	if len(values) == 0 {
		return nil, nil
	}
	keys, err := pattern.NewSet(t, values)
	if err != nil {
		return nil, err
	}
	return &calls{keys}, nil
}

// A CallResolution is what all keys say together that match a method. The keys are
// Matches.
type CallResolution struct {
	Matches []Match[token.Permission]
	Call    Effective[token.Permission]
}

// MayCall reports whether the call is permitted.
func (r *CallResolution) MayCall() bool { return r.Call.Value == token.Allow }

// ResolveCall works out whether a connect token permits calling a method without a
// channel, and which key decides it.
func (g *Grant) ResolveCall(method string) CallResolution {
	var r CallResolution
	r.add(0, g.calls, method)
	return r.decided()
}

// ResolveCall works out whether a method may be called on the channel, and which key
// decides it.
func (c *Channel) ResolveCall(method string) CallResolution {
	var r CallResolution
	for i, rule := range c.rules {
		r.add(i, rule.calls, method)
	}
	return r.decided()
}

func (r *CallResolution) add(rule int, c *calls, method string) {
	if c == nil {
		return
	}
	for key, p := range c.keys.Match(method) {
		r.Matches = append(r.Matches, Match[token.Permission]{rule, key, &p})
	}
}

func (r CallResolution) decided() CallResolution {
	r.Call = strongest(r.Matches, 0, func(m Match[token.Permission]) token.Permission { return *m.Claims })
	return r
}
