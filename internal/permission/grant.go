package permission

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// A Grant is the checked and compiled form of a token's claims. It is immutable,
// its slices too.
type Grant struct {
	// As in [token.Claims], with compact metadata.
	UID, ConnectionID       string
	UMD                     json.RawMessage
	HeartbeatTimeout        time.Duration
	KeepAlive               bool
	UMDUpdate, UMDPropagate bool
	// TokenID and IssuedAt, "" and zero if it has none, are what revocations look at.
	TokenID  string
	IssuedAt time.Time

	// SingleUse is nil if the token is good for any number of uses.
	SingleUse *SingleUse
	// AutoSubscribe are the channels to subscribe on connecting, sorted by name.
	AutoSubscribe []string

	channels pattern.Set[*Rule]
	calls    *calls            // without a channel, nil for none
	aliases  map[string]string // to real names
}

// A SingleUse is what store.Connections.UseToken is to be called with.
type SingleUse struct {
	Token string
	Until time.Time
}

// newSingleUse returns nil for a token that may be used again.
func newSingleUse(c *token.Claims) *SingleUse {
	if !c.SingleUse {
		return nil
	}
	// A digest, because ids can be long. They are unique for each issuer.
	h := sha256.Sum256([]byte(c.Issuer + "\x00" + c.ID))
	return &SingleUse{Token: hex.EncodeToString(h[:16]), Until: c.Expires}
}

// A Rule is the compiled form of what stands under one channel key.
type Rule struct {
	Key string
	// Claims are without Messages, Storage and Calls.
	Claims   token.ChannelClaims
	messages pattern.Set[*token.MessageClaims]
	storage  pattern.Set[*token.StorageClaims]
	calls    *calls // nil for none
	stops    bool   // some of messages permit stopping
}

// CheckConnect refuses a token that cannot open a connection. The error wraps
// [token.ErrInvalid].
func (g *Grant) CheckConnect() error {
	if g.ConnectionID != "" {
		return invalid("it has a connectionId, and so cannot connect")
	}
	return nil
}

// CheckConnection refuses a subscribe or umd token that is not meant for a
// connection: the one that it names, or else any of its user. The error wraps
// [token.ErrInvalid].
func (g *Grant) CheckConnection(id, uid string) error {
	switch {
	case g.ConnectionID != "" && g.ConnectionID != id:
		return invalid("its connectionId is another connection's")
	case g.ConnectionID != "":
		return nil
	case g.UID == "":
		return invalid("it has neither a connectionId nor a uid")
	case g.UID != uid:
		return invalid("its uid is not the connection's")
	}
	return nil
}

// MayUpdateUMD reports whether a umd token permits to change the metadata of
// the subscription to a channel (real name), or with "" of the connection.
func (g *Grant) MayUpdateUMD(channel string) bool {
	if channel == "" {
		return g.UMDUpdate
	}
	_, e := g.ResolveUMDUpdate(channel)
	return e.Value == token.Allow
}

// ResolveUMDUpdate returns what a umd token says of the metadata of a
// subscription, and the rules that match.
func (g *Grant) ResolveUMDUpdate(channel string) ([]*Rule, Effective[token.Permission]) {
	rules := g.matching(nil, channel)
	return rules, strongest(rules, 0, func(r *Rule) token.Permission { return r.Claims.UMDUpdate })
}

// matching appends the rules that match a channel (real name), the most specific
// first.
func (g *Grant) matching(rules []*Rule, channel string) []*Rule {
	for _, r := range g.channels.Match(channel) {
		rules = append(rules, r)
	}
	return rules
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", token.ErrInvalid, fmt.Errorf(format, args...))
}
