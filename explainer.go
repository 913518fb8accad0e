package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// An explainer answers one question.
type explainer struct {
	q        *ExplainRequest
	e        Explanation
	v        *verifier
	noTokens bool // the host's own authentication says who connects

	connect *grant
	command *grant // of the subscribe or umd token, nil for none
	// refused says that a token is not valid, which is the answer.
	refused bool

	// The client on the channel, if there is one in the question: joined is
	// after it has subscribed, if it may, and apart without that. joinErr is why
	// it may not.
	// wanted is what the tokens say about subscribing.
	joined, apart *scope
	joinErr       error
	wanted        *channelGrant
}

// open looks into the tokens. The error is the host's: that of its KeyLookup.
func (x *explainer) open(ctx context.Context) error {
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
	if x.q.Channel != "" {
		x.enter()
	}
	return nil
}

func (x *explainer) openConnect(ctx context.Context) error {
	var err error
	switch {
	case x.q.Token != "" && x.noTokens:
		return invalidToken("Options.Authenticate says who connects, and no token")
	case x.q.Token != "":
		x.connect, err = x.v.permitConnect(ctx, x.q.Token)
	case x.q.Claims != nil:
		x.connect, err = x.v.compile(x.q.Claims)
		if err == nil && !x.noTokens {
			err = x.connect.permitConnect()
		}
	}
	return err
}

func (x *explainer) openCommand(ctx context.Context, scope Scope) error {
	var g *grant
	var err error
	if x.q.CommandToken != "" {
		g, err = x.v.verify(ctx, x.q.CommandToken, scope)
	} else {
		g, err = x.v.compile(x.q.CommandClaims)
	}
	if err != nil {
		return err
	}
	if x.connect == nil { // any connection that it is meant for
		x.connect = &grant{claims: grantedClaims{UID: g.claims.UID}}
	}
	connection := x.q.ConnectionID
	if connection == "" {
		connection = g.claims.ConnectionID
	}
	x.command = g
	return g.bound(connection, x.connect.claims.UID)
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

// problem leaves out what every such error begins with.
func problem(err error) string {
	const prefix = "invalid token: "
	if text := err.Error(); len(text) > len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):]
	}
	return err.Error()
}

// enter lets the client subscribe, if it may.
func (x *explainer) enter() {
	var subscribe *grant
	uid := x.connect.claims.UID
	if x.q.Action != ActionUpdateUMD {
		subscribe = x.command
	}
	perms := newPermissions(x.connect)
	channel := perms.realName(x.q.Channel, subscribe)
	x.apart = &scope{channel: channel, meta: store.Meta{UID: uid}, grant: perms.channel(channel)}
	if subscribe != nil && subscribe.claims.UID != "" {
		uid = subscribe.claims.UID
	}
	x.wanted = resolve(channel, x.connect, subscribe)
	if x.joinErr = x.wanted.permitSubscribe(channel, uid); x.joinErr != nil {
		// What the subscribe token adds is of no use, its aliases neither.
		if x.q.Action != ActionSubscribe {
			x.apart.channel = perms.realName(x.q.Channel, nil)
			x.apart.grant = perms.channel(x.apart.channel)
		}
		x.joined = x.apart
		return
	}
	x.joined = &scope{channel: channel, meta: store.Meta{UID: uid}, grant: x.wanted, subscribed: true}
}

// ask answers a question of something that may take a subscription. The first
// of the claims is the one that decides it.
func (x *explainer) ask(permit func(sc *scope) error) {
	err := permit(x.joined)
	x.decide(err)
	if err == nil {
		if x.e.NeedsSubscription = permit(x.apart) != nil; x.e.NeedsSubscription {
			x.e.Claims = append(slices.Clip(x.e.Claims), x.subscribeClaims()...)
		}
		return
	}
	if x.e.Code != CodeNotSubscribed {
		return
	}
	claims := x.e.Claims
	x.e.Claims = x.subscribeClaims()
	x.decide(x.joinErr)
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
	v := x.wanted.weigh()
	claims := []ExplainedClaim{
		x.wanted.explain("subscribe", v.subscribe.by, "false"),
		x.wanted.explain("autoSubscribe", v.autoSubscribe.by, "false"),
	}
	if v.subscribe.Permission == Unset && v.autoSubscribe.Permission == Allow {
		slices.Reverse(claims)
	}
	return claims
}

// publishClaims has the one first that decides.
func (x *explainer) publishClaims(v *eventVotes) []ExplainedClaim {
	claims := []ExplainedClaim{
		x.eventClaim(v, "publish", v.publish.by, "false"),
		x.eventClaim(v, "broadcast", v.broadcast.by, "false"),
	}
	if v.grant().broadcast {
		slices.Reverse(claims)
	}
	return claims
}

// explain explains a claim of the channel.
func (g *channelGrant) explain(name string, by int, fallback string) ExplainedClaim {
	keys := make([]ClaimKey, len(g.rules))
	for i, r := range g.rules {
		keys[i] = ClaimKey{Token: g.token(i), Channel: r.key, Value: claimValue(r.claims, name)}
	}
	return explained(name, keys, by, fallback)
}

func (x *explainer) eventClaim(v *eventVotes, name string, by int, fallback string) ExplainedClaim {
	g := x.joined.grant
	keys := make([]ClaimKey, len(v.said))
	for i, s := range v.said {
		keys[i] = ClaimKey{
			Token: g.token(s.rule), Channel: g.rules[s.rule].key, Event: s.key,
			Value: claimValue(ChannelClaims{Messages: map[string]MessageClaims{"e": *s.claims}}, "messages", "e", name),
		}
	}
	return explained(name, keys, by, fallback)
}

func (x *explainer) entryClaim(v *entryVotes, name string, by int, fallback string) ExplainedClaim {
	g := x.joined.grant
	keys := make([]ClaimKey, len(v.said))
	for i, s := range v.said {
		keys[i] = ClaimKey{
			Token: g.token(s.rule), Channel: g.rules[s.rule].key, Key: s.key,
			Value: claimValue(ChannelClaims{Storage: map[string]StorageClaims{"k": *s.claims}}, "storage", "k", name),
		}
	}
	return explained(name, keys, by, fallback)
}

// reactClaim: where no key says true or false, lists do, all together.
func (x *explainer) reactClaim(v *eventVotes) ExplainedClaim {
	c := x.eventClaim(v, "react", v.react.by, "false")
	if c.By != nil {
		return c
	}
	for i, s := range v.said {
		if slices.Contains(s.claims.Reactions, x.q.Reaction) {
			c.By = &c.Keys[i]
			break
		}
	}
	if all := v.grant().reactions; len(all) > 0 {
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

// token says which token a rule is of.
func (g *channelGrant) token(rule int) Scope {
	if rule < g.added {
		return ScopeSubscribe
	}
	return ScopeConnect
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
