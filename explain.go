package hotsock

import (
	"context"
	"encoding/json"
	"time"
)

// An Action is something that a client may or may not do.
type Action string

// All actions. Beside each stands what of an [ExplainRequest] it needs.
const (
	ActionConnect    Action = "connect"        // to open a connection
	ActionSubscribe  Action = "subscribe"      // Channel
	ActionGetInfo    Action = "getInfo"        // Channel
	ActionHistory    Action = "history"        // Channel: to list messages
	ActionPublish    Action = "publish"        // Channel, Event
	ActionEcho       Action = "echo"           // Channel, Event: to get a copy of what it publishes itself
	ActionStore      Action = "store"          // Channel, and Event or Key: that what it publishes or sets is kept
	ActionSchedule   Action = "schedule"       // Channel, and Event or Key; perhaps At
	ActionReact      Action = "react"          // Channel, Event, Reaction: to a message of this event
	ActionGet        Action = "storageGet"     // Channel, Key
	ActionSet        Action = "storageSet"     // Channel, Key
	ActionObserve    Action = "storageObserve" // Channel, Key
	ActionUpdateUMD  Action = "umdUpdate"      // CommandToken or CommandClaims; perhaps Channel
	actionsThatExist        = "connect, subscribe, getInfo, history, publish, echo, store, schedule, react, storageGet, storageSet, storageObserve, umdUpdate"
)

// An ExplainRequest asks whether a client may do something, and why.
type ExplainRequest struct {
	// Action is what it would do.
	Action Action

	// Token is the client's connect token. Claims may be given instead of it:
	// then the question is what a client may do whose token is good and has
	// these claims, or that [Options.Authenticate] returns them for. Their scope
	// and times are not looked at. Without either, only what stands in the
	// command's token counts.
	Token  string
	Claims *Claims
	// CommandToken is the token that the client sends with a command:
	// for ActionUpdateUMD a umd token, and otherwise the subscribe token with
	// which it is subscribed to the channel. CommandClaims may be given
	// instead, as above.
	CommandToken  string
	CommandClaims *Claims
	// ConnectionID is that of the connection. Defaults to the one that the
	// command's token names.
	ConnectionID string

	// Channel is a name or an alias, as the client says it.
	Channel string
	// Event is a message's, Key that of a storage entry.
	Event    string
	Key      string
	Reaction string
	// At is the time that something would be scheduled for. The zero time asks
	// whether anything may be scheduled.
	At time.Time
}

// An Explanation says whether a client may do something, and why. Its String
// is for people.
type Explanation struct {
	Action Action
	// Channel is the real name, "" if the question is not of a channel.
	Channel string
	// Allowed is the answer. What takes a subscription is allowed only if the
	// client may subscribe too.
	Allowed bool
	// NeedsSubscription says that it is allowed only while the client is
	// subscribed to the channel, with the command's token if there is one.
	NeedsSubscription bool
	// Code is what a client is refused with. It is "" where it is not told:
	// when it gets no copy, for instance.
	Code Code
	// Reason is one sentence. It may say more of a token than a client must be
	// told.
	Reason string
	// By is the key that decided, nil if none did: then a default counts, or
	// something is wrong with a token or the request.
	By *ClaimKey
	// Claims are those that the answer depends on, the deciding one first, and
	// then those that say what becomes of what the client does.
	Claims []ExplainedClaim
}

// An ExplainedClaim is what all keys that match together say about one claim.
type ExplainedClaim struct {
	// Name of the claim, such as "publish".
	Name string
	// Value that counts, in the form that it has in a token, or the default.
	// A date that is not said is null.
	Value json.RawMessage
	// By is the first of Keys that says so, nil if none does.
	By *ClaimKey
	// Keys are all that match, in the order in which they count for numbers.
	Keys []ClaimKey
}

// A ClaimKey is a place in a token.
type ClaimKey struct {
	// Token is ScopeConnect, ScopeSubscribe or ScopeUMD: in which of the tokens.
	Token Scope
	// Channel is the channel key, and Event or Key the one below it, of
	// messages or of storage. All are "" for a claim of the whole token.
	Channel string
	Event   string
	Key     string
	// Value of the claim there, nil if nothing is said.
	Value json.RawMessage
}

// Explain says whether a client with such tokens may do something, and which
// keys of the tokens decide it. It uses the code that decides when a client
// asks, and tells what clients are never told: what is wrong with a token, for
// instance. So it is for hosts only.
//
// The answer is about permissions as they are now. It does not depend on the
// store: it supposes that the client has used none of its single-use tokens,
// that a message which it reacts to is there and new, and that there is room.
//
// The error is an [*Error]: with [CodeInvalidRequest] the question cannot be
// asked so, and with [CodeUnavailable] Options.KeyLookup failed. A token that is
// not valid is an answer, and no error.
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
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	if err := x.open(ctx); err != nil {
		return Explanation{}, h.told(err)
	}
	if x.refused {
		return x.e, nil
	}
	if q.Channel != "" {
		x.e.Channel = x.joined.channel
	}
	ask.answer(&x)
	return x.e, nil
}
