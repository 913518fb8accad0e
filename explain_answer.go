package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// An explainer answers one question.
type explainer struct {
	q        *ExplainRequest
	e        Explanation
	v        *permission.Verifier
	noTokens bool // the host's own authentication says who connects

	connect *permission.Grant
	// old is that of the connect token which a refresh replaces, nil if it is not known.
	old       *permission.Grant
	oldClaims *Claims
	command   *permission.Grant // of the subscribe or umd token, nil for none
	// refused says that a token is not valid, which is the answer.
	refused bool

	// The client on the channel, if there is one in the question: subscribed is
	// after it has subscribed, if it may, and unsubscribed without that. subscribeErr
	// is why it may not.
	// wanted is what the tokens say about subscribing.
	subscribed, unsubscribed *access
	subscribeErr             error
	wanted                   *permission.Channel
}

// open looks into the tokens. The error is the host's: that of its KeyLookup.
func (x *explainer) open(ctx context.Context) error {
	if x.q.Action == ActionRefresh {
		return x.openRefresh(ctx)
	}
	if err := x.openConnect(ctx); err != nil {
		return x.invalid(err, CodeUnauthorized, "connect token")
	}
	if x.q.Action != ActionConnect && x.q.hasCommand() {
		scope, code := ScopeSubscribe, CodeInvalidSubscribeToken
		if x.q.Action == ActionUpdateUMD {
			scope, code = ScopeUMD, CodeInvalidUMDToken
		}
		if err := x.openCommand(ctx, scope); err != nil {
			return x.invalid(err, code, scope.String()+" token")
		}
	}
	return nil
}

func (x *explainer) openConnect(ctx context.Context) error {
	var err error
	switch {
	case x.q.Token != "" && x.noTokens:
		return errNoTokens
	case x.q.Token != "":
		x.connect, err = x.v.VerifyConnect(ctx, x.q.Token)
	case x.q.Claims != nil:
		x.connect, err = x.v.Compile(x.q.Claims)
		if err == nil && !x.noTokens {
			err = x.connect.CheckConnect()
		}
	}
	return err
}

func (x *explainer) openCommand(ctx context.Context, scope Scope) error {
	var g *permission.Grant
	var err error
	if x.q.CommandToken != "" {
		g, err = x.v.Verify(ctx, x.q.CommandToken, scope)
	} else {
		g, err = x.v.Compile(x.q.CommandClaims)
	}
	if err != nil {
		return err
	}
	if x.connect == nil { // any connection that it is meant for
		x.connect = &permission.Grant{UID: g.UID}
	}
	connection := x.q.ConnectionID
	if connection == "" {
		connection = g.ConnectionID
	}
	x.command = g
	if x.q.CommandToken == "" {
		return g.CheckConnection(connection, x.connect.UID)
	}
	return x.v.CheckFor(g, connection, x.connect.UID)
}

// invalid makes an answer of what is wrong with a token.
func (x *explainer) invalid(err error, code Code, which string) error {
	if errors.Is(err, token.ErrKeyLookup) {
		return unavailable(err)
	}
	x.refused = true
	x.e.Code, x.e.Reason = code, "the "+which+" is not valid: "+problem(err)
	return nil
}

// errNoTokens is what is wrong with any connect token where there are none.
var errNoTokens = fmt.Errorf("%w: Options.Authenticate says who connects, and no token", token.ErrInvalid)

// problem leaves out what every such error begins with.
func problem(err error) string {
	const prefix = "invalid token: "
	if text := err.Error(); len(text) > len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):]
	}
	return err.Error()
}

// openChannel lets the client subscribe, if it may. The error says what is wrong with
// what the app grants.
func (x *explainer) openChannel() error {
	var subscribe *permission.Grant
	uid := x.connect.UID
	if x.q.Action != ActionUpdateUMD {
		subscribe = x.command
	}
	perms := permission.NewConnection(x.connect)
	channel := perms.RealName(x.q.Channel, subscribe)
	granted, err := newAppGrant(x.v, channel, x.q.Granted)
	if err != nil {
		return err
	}
	x.unsubscribed = &access{channel: channel, meta: store.Meta{UID: uid}, perms: perms.Channel(channel)}
	if subscribe != nil && subscribe.UID != "" {
		uid = subscribe.UID
	}
	x.wanted = permission.Resolve(channel, x.connect, permission.Added{Subscribe: subscribe, App: granted.compiled()})
	if x.subscribeErr = permitSubscribe(x.wanted, channel, uid); x.subscribeErr != nil {
		// What the subscription would add is of no use, its aliases neither.
		if x.q.Action != ActionSubscribe {
			x.unsubscribed.channel = perms.RealName(x.q.Channel, nil)
			x.unsubscribed.perms = perms.Channel(x.unsubscribed.channel)
		}
		x.subscribed = x.unsubscribed
		return nil
	}
	x.subscribed = &access{channel: channel, meta: store.Meta{UID: uid}, perms: x.wanted, subscribed: true}
	return nil
}

// ask answers a question of something that may take a subscription. The first
// of the claims is the one that decides it.
func (x *explainer) ask(permit func(acc *access) error) {
	err := permit(x.subscribed)
	x.decide(err)
	if err == nil {
		if x.e.NeedsSubscription = permit(x.unsubscribed) != nil; x.e.NeedsSubscription {
			x.e.Claims = append(slices.Clip(x.e.Claims), x.subscribeClaims()...)
		}
		return
	}
	if x.e.Code != CodeNotSubscribed {
		return
	}
	claims := x.e.Claims
	x.e.Claims = x.subscribeClaims()
	x.decide(x.subscribeErr)
	x.e.Code = CodeNotSubscribed
	x.e.Reason = "it takes a subscription, and " + x.e.Reason
	x.e.Claims = append(x.e.Claims, claims...)
}

// decide answers with an error of the permission code, and the first of the
// claims as what it rests on.
func (x *explainer) decide(err error) {
	x.e.Allowed, x.e.Code = err == nil, ""
	if err != nil {
		x.e.Code = asError(err).Code
	}
	x.e.By = nil
	switch x.e.Code {
	case CodePresenceUserIDRequired:
		x.e.Reason = "presence channels need a uid, and the client has none"
	case CodeInvalidRequest, CodeInvalidScheduleExpression:
		x.e.Reason = asError(err).Message
	default:
		x.e.By = x.e.Claims[0].By
		x.e.Reason = x.e.Claims[0].because()
	}
}

// subscribeClaims has the one first that decides.
func (x *explainer) subscribeClaims() []ExplainedClaim {
	v := x.wanted.ResolveChannel()
	claims := []ExplainedClaim{
		explainChannel(x.wanted, "subscribe", v.Subscribe.By, "false"),
		explainChannel(x.wanted, "autoSubscribe", v.AutoSubscribe.By, "false"),
	}
	if v.Subscribe.Value == Unset && v.AutoSubscribe.Value == Allow {
		slices.Reverse(claims)
	}
	return claims
}

// publishClaims has the one first that decides.
func (x *explainer) publishClaims(v *permission.EventResolution) []ExplainedClaim {
	claims := []ExplainedClaim{
		x.eventClaim(v, "publish", v.Publish.By, "false"),
		x.eventClaim(v, "broadcast", v.Broadcast.By, "false"),
	}
	if v.Event().Broadcast {
		slices.Reverse(claims)
	}
	return claims
}

// explainChannel explains a claim of the channel.
func explainChannel(g *permission.Channel, name string, by int, fallback string) ExplainedClaim {
	rules := g.Rules()
	keys := make([]ClaimKey, len(rules))
	for i, r := range rules {
		keys[i] = ClaimKey{Token: g.Token(i), Channel: r.Key, Value: claimValue(r.Claims, name)}
	}
	return explained(name, keys, by, fallback)
}

func (x *explainer) eventClaim(v *permission.EventResolution, name string, by int, fallback string) ExplainedClaim {
	g := x.subscribed.perms
	keys := make([]ClaimKey, len(v.Matches))
	for i, s := range v.Matches {
		keys[i] = ClaimKey{
			Token: g.Token(s.Rule), Channel: g.Rules()[s.Rule].Key, Event: s.Key,
			Value: claimValue(ChannelClaims{Messages: map[string]MessageClaims{"e": *s.Claims}}, "messages", "e", name),
		}
	}
	return explained(name, keys, by, fallback)
}

func (x *explainer) entryClaim(v *permission.EntryResolution, name string, by int, fallback string) ExplainedClaim {
	g := x.subscribed.perms
	keys := make([]ClaimKey, len(v.Matches))
	for i, s := range v.Matches {
		keys[i] = ClaimKey{
			Token: g.Token(s.Rule), Channel: g.Rules()[s.Rule].Key, Key: s.Key,
			Value: claimValue(ChannelClaims{Storage: map[string]StorageClaims{"k": *s.Claims}}, "storage", "k", name),
		}
	}
	return explained(name, keys, by, fallback)
}

// callClaim explains whether a method may be called. Where says where a rule is.
func callClaim(v *permission.CallResolution, where func(rule int) ClaimKey) ExplainedClaim {
	keys := make([]ClaimKey, len(v.Matches))
	for i, m := range v.Matches {
		keys[i] = where(m.Rule)
		keys[i].Method = m.Key
		if *m.Claims != Unset {
			keys[i].Value = json.RawMessage(strconv.FormatBool(*m.Claims == Allow))
		}
	}
	return explained("calls", keys, v.Call.By, "false")
}

// reactClaim: where no key says true or false, lists do, all together.
func (x *explainer) reactClaim(v *permission.EventResolution) ExplainedClaim {
	c := x.eventClaim(v, "react", v.React.By, "false")
	if c.By != nil {
		return c
	}
	for i, s := range v.Matches {
		if slices.Contains(s.Claims.Reactions, x.q.Reaction) {
			c.By = &c.Keys[i]
			break
		}
	}
	if all := v.Event().Reactions; len(all) > 0 {
		c.Value, _ = json.Marshal(slices.Concat(all...)) // strings
	}
	return c
}

func explained(name string, keys []ClaimKey, by int, fallback string) ExplainedClaim {
	c := ExplainedClaim{Name: name, Value: json.RawMessage(fallback), Keys: keys}
	if by >= 0 {
		c.By = &keys[by]
		c.Value = c.By.Value
	}
	return c
}

// claimValue returns a claim of a channel as it stands in a token, nil if it does
// not. The path leads to it.
func claimValue(c ChannelClaims, path ...string) json.RawMessage {
	value, err := Claims{Channels: map[string]ChannelClaims{"c": c}}.MarshalJSON()
	for _, name := range append([]string{"channels", "c"}, path...) {
		var members map[string]json.RawMessage
		if err != nil || json.Unmarshal(value, &members) != nil {
			return nil
		}
		value = members[name]
	}
	return value
}
