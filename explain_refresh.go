package hotsock

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
)

// openRefresh looks into the tokens of a refresh: the connect token of an open
// connection, which was accepted when it was used, and the fresh one. From then on, the
// fresh one is the client's.
func (x *explainer) openRefresh(ctx context.Context) error {
	if x.noTokens {
		return x.invalid(errNoTokens, CodeUnauthorized, "fresh token")
	}
	if err := x.openOld(); err != nil {
		return x.invalid(err, CodeUnauthorized, "connect token")
	}
	var err error
	if x.q.CommandToken != "" {
		x.connect, err = x.v.VerifyConnect(ctx, x.q.CommandToken)
	} else if x.connect, err = x.v.Compile(x.q.CommandClaims); err == nil {
		err = x.connect.CheckConnect()
	}
	if err != nil {
		return x.invalid(err, CodeUnauthorized, "fresh token")
	}
	if x.old != nil && x.old.UID != x.connect.UID {
		x.refused = true
		x.e.Code, x.e.Reason = CodeUnauthorized, "the fresh token is another user's"
	}
	return nil
}

// openOld looks into the token that the connection has, whose times do not matter any
// more.
func (x *explainer) openOld() (err error) {
	x.oldClaims = x.q.Claims
	if x.q.Token != "" {
		x.oldClaims = new(Claims)
		err = x.oldClaims.UnmarshalJSON(tokenClaims(x.q.Token))
	}
	if err == nil && x.oldClaims != nil {
		x.old, err = x.v.Compile(x.oldClaims)
	}
	return err
}

func (x *explainer) refreshing() {
	if x.q.Channel != "" {
		x.keeping()
		return
	}
	parts := []string{"the fresh token takes the place of the connection's"}
	if x.connect.SingleUse != nil {
		parts = append(parts, "once")
	}
	if begun := without(x.connect.AutoSubscribe, x.old); len(begun) > 0 {
		parts = append(parts, "and subscribes to "+strings.Join(begun, ", "))
	}
	if ended := x.endedChannels(); len(ended) > 0 {
		parts = append(parts, "and what is subscribed of these ends: "+strings.Join(ended, ", "))
	}
	x.e.Allowed, x.e.Reason = true, strings.Join(parts, ", ")
}

// keeping is about a subscription to the channel.
func (x *explainer) keeping() {
	x.e.Claims = x.subscribeClaims()
	x.decide(x.subscribeErr)
	x.e.Code = "" // The token is accepted.
	if x.e.Allowed {
		x.e.Reason = "a subscription goes on: " + x.e.Reason
	} else {
		x.e.Reason = "the fresh token is accepted, and a subscription ends with the reason \"" + noLongerPermitted + "\": " + x.e.Reason
	}
}

// without returns the channels that the old token did not subscribe.
func without(channels []string, old *permission.Grant) (added []string) {
	for _, channel := range channels {
		if old == nil || !slices.Contains(old.AutoSubscribe, channel) {
			added = append(added, channel)
		}
	}
	return added
}

// endedChannels are those that the old token names and lets subscribe, and the fresh one
// does not.
func (x *explainer) endedChannels() (ended []string) {
	if x.old == nil {
		return nil
	}
	permits := func(g *permission.Grant, channel string) bool {
		return permitSubscribe(permission.Resolve(channel, g, permission.Added{}), channel, g.UID) == nil
	}
	for _, key := range slices.Sorted(maps.Keys(x.oldClaims.Channels)) {
		if protocol.ValidChannel(key) && permits(x.old, key) && !permits(x.connect, key) {
			ended = append(ended, key)
		}
	}
	return ended
}
