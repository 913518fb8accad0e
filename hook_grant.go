package hotsock

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/hotsock-go/hotsock/internal/permission"
)

// A hookGrant is what a subscribe token would have said that has the claims of the
// client's own, if it has one, and those that Hooks.BeforeSubscribe returned.
type hookGrant struct {
	grant  *permission.Grant
	claims []byte // as JSON, for other nodes
}

// addGrant adds the claims of the channel that the hook returned.
func (req *subscribeRequest) addGrant(v *permission.Verifier, granted *ChannelClaims) error {
	own := *granted
	if err := (Claims{Channels: map[string]ChannelClaims{req.channel: own}}).Validate(); err != nil {
		return hookInvalid("BeforeSubscribe", err)
	}
	var c Claims
	if text := tokenClaims(req.token); text != nil {
		if err := c.UnmarshalJSON(text); err != nil {
			return err // It was verified.
		}
	}
	own.Messages, own.Storage = maps.Clone(own.Messages), maps.Clone(own.Storage)
	if c.Channels == nil {
		c.Channels = make(map[string]ChannelClaims)
	}
	c.Channels[req.channel] = bothChannels(own, c.Channels[req.channel])
	g, err := v.Compile(&c)
	if err != nil {
		return hookInvalid("BeforeSubscribe", err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return hookInvalid("BeforeSubscribe", err)
	}
	req.granted = &hookGrant{g, text}
	return nil
}

// bothChannels returns what two sets of claims under the same key say together: the
// first one counts where only one can.
func bothChannels(a, b ChannelClaims) ChannelClaims {
	a.Subscribe = max(a.Subscribe, b.Subscribe)
	a.AutoSubscribe = max(a.AutoSubscribe, b.AutoSubscribe)
	a.GetInfo = max(a.GetInfo, b.GetInfo)
	a.OmitFromSubCount = max(a.OmitFromSubCount, b.OmitFromSubCount)
	a.UMDUpdate = max(a.UMDUpdate, b.UMDUpdate)
	orDefault(&a.Alias, b.Alias)
	orDefault(&a.HistoryStart, b.HistoryStart)
	a.Messages = bothMaps(a.Messages, b.Messages, bothMessages)
	a.Storage = bothMaps(a.Storage, b.Storage, bothEntries)
	return a
}

func bothMessages(a, b MessageClaims) MessageClaims {
	a.Publish = max(a.Publish, b.Publish)
	a.Broadcast = max(a.Broadcast, b.Broadcast)
	a.Echo = max(a.Echo, b.Echo)
	a.EmitPubSubEvent = max(a.EmitPubSubEvent, b.EmitPubSubEvent)
	a.React = max(a.React, b.React)
	orDefault(&a.Store, b.Store)
	orDefault(&a.ScheduleBefore, b.ScheduleBefore)
	if a.Reactions = slices.Concat(a.Reactions, b.Reactions); a.React != Unset {
		a.Reactions = nil // of no effect beside it, and not valid
	}
	return a
}

func bothEntries(a, b StorageClaims) StorageClaims {
	a.Get = max(a.Get, b.Get)
	a.Set = max(a.Set, b.Set)
	a.Observe = max(a.Observe, b.Observe)
	a.EmitPubSubEvent = max(a.EmitPubSubEvent, b.EmitPubSubEvent)
	orDefault(&a.Store, b.Store)
	orDefault(&a.ScheduleBefore, b.ScheduleBefore)
	return a
}

// bothMaps adds the claims of b to those of a, which is nil or can be changed.
func bothMaps[C any](a, b map[string]C, both func(a, b C) C) map[string]C {
	if a == nil {
		return b
	}
	for key, claims := range b {
		if of, ok := a[key]; ok {
			claims = both(of, claims)
		}
		a[key] = claims
	}
	return a
}
