package token

import (
	"encoding/json"
	"strings"
	"time"
)

// Claims are what a token carries: who a client is and what it may do. Hosts mint
// tokens from them with [Sign]. A server whose Options.Authenticate returns them
// ignores the fields that only say when and for what a token can be used, but for ID
// and IssuedAt, which revocations look at.
//
// The zero value of every field means that the claim is absent. As JSON, Claims
// are the payload of a token: only set fields are written, and reading is strict
// (unknown members are ignored). This package neither modifies Claims nor keeps
// anything of them.
type Claims struct {
	// Scope says what the token is for. Required in a token.
	Scope Scope
	// Expires ends the time in which the token can be used ("exp"). What it was
	// used for, such as a connection, goes on. Required in a token.
	Expires time.Time
	// NotBefore begins that time ("nbf").
	NotBefore time.Time
	// IssuedAt is when the token was made ("iat"). It must not be in the future. A token
	// without it counts as older than every revocation of its user's tokens.
	IssuedAt time.Time
	// ID names the token among all tokens of its issuer ("jti"). Required with
	// SingleUse.
	ID string
	// Audience and Issuer ("aud", "iss") are compared with those of the server.
	Audience []string
	Issuer   string

	// UID names the user, at most 128 characters. It is required on presence
	// channels, for reactions, and in a subscribe or umd token without a
	// ConnectionID.
	UID string
	// UMD is metadata that others get with everything the user sends: any JSON,
	// by default at most 1 KiB. A JSON null is the same as nil.
	UMD json.RawMessage

	// ConnectionID binds a subscribe or umd token to one connection. A token
	// that has it can never open a connection.
	ConnectionID string
	// SingleUse lets the token be used once only: for one connect, one subscribe
	// or one change of metadata. It needs ID and Expires.
	SingleUse bool
	// KeepAlive asks the server for regular hotsock.keepAlive messages.
	KeepAlive bool
	// HeartbeatTimeout is how long the connection lives without a
	// hotsock.heartbeat of the client: whole seconds, 5 s to 600 s.
	HeartbeatTimeout time.Duration

	// UMDUpdate lets a umd token change the metadata of the connection, and
	// UMDPropagate also those of its current subscriptions.
	UMDUpdate    bool
	UMDPropagate bool

	// Channels are permissions by channel key: the exact name of a channel, a
	// name with * wildcards (each is any run of characters, the empty one too),
	// or "#regex:" and a regular expression of package regexp (unanchored). A key
	// that can match no name, such as "#Regex:x", is an error. At most 1000.
	Channels map[string]ChannelClaims
	// Calls permits calling methods of the app by method key: an exact name or a
	// pattern, as in Channels. At most 1000. They count for calls without a
	// channel, and have no effect in subscribe tokens; those of calls on a channel
	// are in [ChannelClaims].
	Calls map[string]Permission
}

// A Permission is a boolean that may be absent. Where several keys match, one
// Deny denies, whatever the others say.
type Permission uint8

// The values of a Permission.
const (
	Unset Permission = iota // the default of what it permits, usually to deny
	// Own permits it with what is the user's own. Only Update, Delete and Stop of
	// [MessageClaims] can have it; they are "own" then.
	Own
	Allow
	Deny
)

// ChannelClaims are the permissions under one channel key.
type ChannelClaims struct {
	// Subscribe permits subscribing.
	Subscribe Permission
	// AutoSubscribe subscribes on connecting, and so implies Subscribe unless
	// that is Deny. It is not allowed on patterns, and has no effect in subscribe
	// tokens.
	AutoSubscribe Permission
	// Alias is another name of the channel for this client. It is not allowed on
	// patterns, and must be unique among aliases and channel keys.
	Alias string
	// GetInfo permits asking for the number of subscriptions and the members.
	GetInfo Permission
	// HistoryStart is the time of the oldest message that can be listed;
	// time.Unix(0, 0) for all. Defaults to the start of the subscription.
	HistoryStart time.Time
	// OmitFromSubCount leaves the subscription out of the channel's count.
	OmitFromSubCount Permission
	// UMDUpdate lets a umd token change the metadata of the subscription.
	UMDUpdate Permission
	// Messages are permissions by event key: an exact name or a pattern, as in
	// [Claims.Channels]. At most 1000.
	Messages map[string]MessageClaims
	// Storage are permissions by storage key, in the same way.
	Storage map[string]StorageClaims
	// Calls permits calling methods of the app on the channel, while subscribed, by
	// method key, in the same way.
	Calls map[string]Permission
}

// MessageClaims are the permissions under one event key of a channel.
type MessageClaims struct {
	// Publish permits publishing while subscribed.
	Publish Permission
	// Broadcast permits publishing also while not subscribed, unless Publish is
	// Deny. It has no effect in subscribe tokens.
	Broadcast Permission
	// Echo sends the sender's connection its own messages too.
	Echo Permission
	// Store is how long messages are kept: whole seconds, at most
	// 3155695200 s, [Forever] or [Never]. Unset, which is 0, it is left to less
	// specific keys; without any, messages are not kept.
	Store time.Duration
	// ScheduleBefore is the furthest time for which a message can be scheduled.
	// Defaults to never.
	ScheduleBefore time.Time
	// EmitPubSubEvent raises a backend event for each message.
	EmitPubSubEvent Permission
	// React permits reacting to these messages. To permit only some reactions,
	// leave it Unset and list them in Reactions.
	React     Permission
	Reactions []string
	// Update permits changing the data of these messages, and Delete deleting them,
	// while they are stored and the client is subscribed: those of all users, or with
	// [Own] those that have its uid.
	Update Permission
	Delete Permission
	// Stop permits stopping those of these messages that the app streams, in the same
	// way.
	Stop Permission
}

// StorageClaims are the permissions under one storage key of a channel.
type StorageClaims struct {
	// Get permits reading the entry, and Set writing it.
	Get Permission
	Set Permission
	// Observe sends the client the entry when it subscribes and at each change.
	Observe Permission
	// Store is how long the entry is kept: whole seconds, 1 s to 3155695200 s,
	// or [Forever]. Unset, which is 0, it is left to less specific keys; without
	// any, the entry is kept for ever.
	Store time.Duration
	// ScheduleBefore is the furthest time for which a write can be scheduled.
	// Defaults to never.
	ScheduleBefore time.Time
	// EmitPubSubEvent raises a backend event for each change.
	EmitPubSubEvent Permission
}

// Scope is a set of things that a token can be used for. Combine them with |.
type Scope uint8

// The elements of a Scope.
const (
	ScopeConnect   Scope = 1 << iota // to open a connection
	ScopeSubscribe                   // to subscribe to a channel with more permissions
	ScopeUMD                         // to change user metadata
)

// scopeNames are in the order of the bits.
var scopeNames = [...]string{"connect", "subscribe", "umd"}

// String returns the scope as it stands in a token, such as "connect umd".
func (s Scope) String() string {
	var names []string
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// parseScope ignores words it does not know: tokens may be for others too.
func parseScope(text string) Scope {
	var s Scope
	for word := range strings.FieldsSeq(text) {
		for i, name := range scopeNames {
			if word == name {
				s |= 1 << i
			}
		}
	}
	return s
}
