package hotsock

import (
	"encoding/json"

	"github.com/hotsock-go/hotsock/internal/permission"
)

// An appGrant is what the app itself grants on one subscription. A nil one is nothing.
type appGrant struct {
	grant  *permission.Grant
	claims []byte // as JSON, for other nodes
}

// newAppGrant makes one of claims of the channel (real name), nil of nil.
func newAppGrant(v *permission.Verifier, channel string, claims *ChannelClaims) (*appGrant, error) {
	if claims == nil {
		return nil, nil
	}
	c := Claims{Channels: map[string]ChannelClaims{channel: *claims}}
	g, err := v.Compile(&c)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	return &appGrant{g, text}, err
}

func (g *appGrant) compiled() *permission.Grant {
	if g == nil {
		return nil
	}
	return g.grant
}

func (g *appGrant) json() []byte {
	if g == nil {
		return nil
	}
	return g.claims
}
