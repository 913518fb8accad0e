package hotsock

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
)

// A grant is the immutable, checked and compiled form of a token's claims.
type grant struct {
	// claims are what was granted, with compact metadata. Audience and Channels
	// are nil.
	claims   Claims
	channels pattern.Set[*channelRule]
	aliases  map[string]string // to real names
	auto     []string
}

// A channelRule is the compiled form of ChannelClaims. In claims, Messages and
// Storage are nil.
type channelRule struct {
	key        string
	claims     ChannelClaims
	messages   pattern.Set[*MessageClaims]
	storage    pattern.Set[*StorageClaims]
	anyGet     bool // of any key of storage
	anyObserve bool
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

// use returns what store.Connections.UseToken is to be called with if the token
// is good for one use only.
func (g *grant) use() (token string, until time.Time, single bool) {
	if !g.claims.SingleUse {
		return "", time.Time{}, false
	}
	// A digest, because ids can be long. They are unique for each issuer.
	h := sha256.Sum256([]byte(g.claims.Issuer + "\x00" + g.claims.ID))
	return hex.EncodeToString(h[:16]), g.claims.Expires, true
}
