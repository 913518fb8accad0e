package hotsock

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
)

// A grant is the immutable, checked and compiled form of a token's claims.
type grant struct {
	claims   grantedClaims
	once     *singleUse // nil if the token is good for any number of uses
	channels pattern.Set[*channelRule]
	aliases  map[string]string // to real names
	auto     []string
}

// grantedClaims are those [Claims] that matter for longer than the moment in
// which the token is used, with compact metadata.
type grantedClaims struct {
	UID, ConnectionID       string
	UMD                     json.RawMessage
	HeartbeatTimeout        time.Duration
	KeepAlive               bool
	UMDUpdate, UMDPropagate bool
}

// A singleUse is what store.Connections.UseToken is to be called with.
type singleUse struct {
	token string
	until time.Time
}

// newSingleUse returns nil for a token that may be used again.
func newSingleUse(c *Claims) *singleUse {
	if !c.SingleUse {
		return nil
	}
	// A digest, because ids can be long. They are unique for each issuer.
	h := sha256.Sum256([]byte(c.Issuer + "\x00" + c.ID))
	return &singleUse{token: hex.EncodeToString(h[:16]), until: c.Expires}
}

// A channelRule is the compiled form of ChannelClaims. In claims, Messages and
// Storage are nil.
type channelRule struct {
	key      string
	claims   ChannelClaims
	messages pattern.Set[*MessageClaims]
	storage  pattern.Set[*StorageClaims]
}

// mayUpdateUMD reports whether a umd token permits to change the metadata of
// the subscription to a channel (real name), or with "" of the connection.
func (g *grant) mayUpdateUMD(channel string) bool {
	if channel == "" {
		return g.claims.UMDUpdate
	}
	return weighUMDUpdate(g.matching(nil, channel)).Permission == Allow
}

func weighUMDUpdate(rules []*channelRule) vote {
	return weigh(rules, 0, func(r *channelRule) Permission { return r.claims.UMDUpdate })
}

// matching appends the rules that match a channel (real name), the most specific
// first.
func (g *grant) matching(rules []*channelRule, channel string) []*channelRule {
	for _, r := range g.channels.Match(channel) {
		rules = append(rules, r)
	}
	return rules
}

// autoSubscribe returns the channels to subscribe on connecting, sorted by name.
// The slice is shared: it must not be modified.
func (g *grant) autoSubscribe() []string { return g.auto }
