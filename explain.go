package hotsock

import (
	"context"
	"encoding/json"
	"time"
)

// An Action is something that a client may or may not do.
type Action string

// All actions, each with the fields of an [ExplainRequest] that it needs.
const (
	ActionConnect    Action = "connect"        // to open a connection
	ActionSubscribe  Action = "subscribe"      // Channel
	ActionGetInfo    Action = "getInfo"        // Channel
	ActionHistory    Action = "history"        // Channel: to list messages, or to have them sent on subscribing
	ActionPublish    Action = "publish"        // Channel, Event
	ActionEcho       Action = "echo"           // Channel, Event: to get a copy of what it publishes itself
	ActionStore      Action = "store"          // Channel, and Event or Key: that what it publishes or sets is kept
	ActionSchedule   Action = "schedule"       // Channel, and Event or Key; perhaps At
	ActionReact      Action = "react"          // Channel, Event, Reaction: to a message of this event
	ActionUpdate     Action = "update"         // Channel, Event: a message of this event, perhaps only its own
	ActionDelete     Action = "delete"         // Channel, Event: the same
	ActionStop       Action = "stop"           // Channel, Event: the stream of a message of this event, perhaps only its own
	ActionGet        Action = "storageGet"     // Channel, Key
	ActionSet        Action = "storageSet"     // Channel, Key
	ActionObserve    Action = "storageObserve" // Channel, Key
	ActionCall       Action = "call"           // Method; perhaps Channel
	ActionUpdateUMD  Action = "umdUpdate"      // CommandToken or CommandClaims; perhaps Channel
	ActionRefresh    Action = "refresh"        // CommandToken or CommandClaims; perhaps Channel: whether a subscription to it goes on
	actionsThatExist        = "connect, subscribe, getInfo, history, publish, echo, store, schedule, react, update, delete, stop, storageGet, storageSet, storageObserve, call, umdUpdate, refresh"
)

// An ExplainRequest asks whether a client may do something, and why or why not.
type ExplainRequest struct {
	// Action is what the client would do.
	Action Action

	// Token is the client's connect token. Claims may be given instead: then
	// the question is what a client may do whose valid token has these claims,
	// or for which [Options.Authenticate] returns them. Their scope and times are
	// ignored. Without either, only the command's token counts.
	Token  string
	Claims *Claims
	// CommandToken is the token that the client sends with a command: a umd
	// token for ActionUpdateUMD, a connect token for ActionRefresh, and otherwise the
	// subscribe token with which it subscribed to the channel. CommandClaims may be
	// given instead, as above. For ActionRefresh, Token is the one that the connection
	// has: it may have expired, and need not be given.
	CommandToken  string
	CommandClaims *Claims
	// Granted are the claims that the app grants on the Channel itself, by
	// [Hooks.BeforeSubscribe].
	Granted *ChannelClaims
	// ConnectionID of the client. Defaults to the one that the command's token
	// names.
	ConnectionID string

	// Channel is a name or an alias, as the client would give it.
	Channel string
	// Event of a message, Key of a storage entry.
	Event    string
	Key      string
	Reaction string
	// Method of the app, which need not be registered.
	Method string
	// At is the time for which something would be scheduled. The zero time asks
	// whether anything may be scheduled.
	At time.Time
}

// An Explanation says whether a client may do something, and why. Its String
// is for people.
type Explanation struct {
	Action Action
	// Channel is the real name, "" if the question does not concern a channel.
	Channel string
	// Allowed is the answer. What needs a subscription is allowed only if the
	// client may subscribe too.
	Allowed bool
	// NeedsSubscription says that it is allowed only while the client is
	// subscribed to the channel, with the command's token if there is one.
	NeedsSubscription bool
	// Code is what the client is refused with. It is "" where the client is not
	// told, for instance when it gets no copy.
	Code Code
	// Hook names the field of [Options.Hooks] that would be asked, "" for none. It may
	// refuse what is allowed, and BeforeSubscribe may permit what is not. Explain does
	// not ask it.
	Hook string
	// Reason is one sentence. It may tell more about a token than a client may
	// know.
	Reason string
	// By is the key that decided, nil if none did: then a default counts, or
	// something is wrong with a token or the request.
	By *ClaimKey
	// Claims are those that the answer depends on, the deciding one first, and
	// then those that say what happens with what the client does.
	Claims []ExplainedClaim
}

// An ExplainedClaim is what all keys that match together say about one claim.
type ExplainedClaim struct {
	// Name of the claim, such as "publish".
	Name string
	// Value that counts, in the form that it has in a token, or the default.
	// A missing date is null.
	Value json.RawMessage
	// By is the first of Keys that says so, nil if none does.
	By *ClaimKey
	// Keys are all that match, in the order in which they count for numbers.
	Keys []ClaimKey
}

// A ClaimKey is a place in a token.
type ClaimKey struct {
	// Token tells in which token it is: ScopeConnect, ScopeSubscribe or ScopeUMD; or 0
	// if it is in [ExplainRequest.Granted].
	Token Scope
	// Channel is the channel key, and Event, Key or Method the one below it, of
	// messages, storage or calls. All are "" for a claim of the whole token, and
	// Channel alone for its calls.
	Channel string
	Event   string
	Key     string
	Method  string
	// Value of the claim there, nil if there is none.
	Value json.RawMessage
}

// Explain tells whether a client with these tokens may do something, and which
// keys of the tokens decide. It uses the code that decides when a client asks. It
// also tells what clients must not know, such as what is wrong with a token: do
// not show them the answer.
//
// The answer is about permissions as they are now. It does not depend on the
// store: it assumes that the client has used none of its single-use tokens, that
// a message to react to exists and is new, and that no limit is reached.
//
// The error is an [*Error]: with CodeInvalidRequest if the question makes no
// sense, and with CodeUnavailable if [Options.KeyLookup] failed. An invalid token
// is an answer, not an error.
func (h *Handler) Explain(ctx context.Context, q ExplainRequest) (Explanation, error) {
	x := explainer{q: &q, v: h.verifier, noTokens: h.opts.Authenticate != nil}
	x.e = Explanation{Action: q.Action}
	ask, ok := questions[q.Action]
	if !ok {
		return Explanation{}, refuseBecause(CodeInvalidRequest, "Action must be one of "+actionsThatExist)
	}
	if problem := q.check(ask.needs); problem != "" {
		return Explanation{}, refuseBecause(CodeInvalidRequest, problem)
	}
	limited := newLazyTimeout(ctx, h.opts.StoreTimeout)
	defer limited.end()
	if err := x.open(limited); err != nil {
		return Explanation{}, hostError(err)
	}
	if x.q.Channel != "" && !x.refused {
		if err := x.openChannel(); err != nil {
			return Explanation{}, refuseBecause(CodeInvalidRequest, "Granted is not valid: "+problem(err))
		}
	}
	if x.refused {
		return x.e, nil
	}
	if q.Channel != "" {
		x.e.Channel = x.subscribed.channel
	}
	ask.answer(&x)
	x.e.Hook = h.opts.Hooks.askedFor(&x.e, q.Key != "")
	return x.e, nil
}
