package hotsock

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// This file has the checks that decide whether a client may do something. None
// needs the store. What a client is told is the error.

// permitConnect verifies a connect token.
func (v *verifier) permitConnect(ctx context.Context, token string) (*grant, error) {
	g, err := v.verify(ctx, token, ScopeConnect)
	if err != nil {
		return nil, err
	}
	return g, g.permitConnect()
}

func (g *grant) permitConnect() error {
	if g.claims.ConnectionID != "" {
		return invalidToken("it has a connectionId, and so cannot connect")
	}
	return nil
}

// verifyFor verifies a subscribe or umd token that a connection's client sent.
func (v *verifier) verifyFor(ctx context.Context, connectionID, uid, token string, scope Scope) (*grant, error) {
	g, err := v.verify(ctx, token, scope)
	if err != nil {
		return nil, err
	}
	return g, g.bound(connectionID, uid)
}

// bound refuses a subscribe or umd token that is not meant for a connection:
// the one that it names, or else any of its user.
func (g *grant) bound(connectionID, uid string) error {
	switch c := &g.claims; {
	case c.ConnectionID != "" && c.ConnectionID != connectionID:
		return invalidToken("its connectionId is another connection's")
	case c.ConnectionID != "":
		return nil
	case c.UID == "":
		return invalidToken("it has neither a connectionId nor a uid")
	case c.UID != uid:
		return invalidToken("its uid is not the connection's")
	}
	return nil
}

// permitSubscribe says whether a user, uid on this channel, may subscribe.
func (g *channelGrant) permitSubscribe(channel, uid string) error {
	if !g.subscribe {
		return refuse(CodeSubscribePermissionDenied)
	}
	if protocol.IsPresence(channel) && uid == "" {
		return refuse(CodePresenceUserIDRequired)
	}
	return nil
}

// permitHistory is for what only subscribers may do.
func (sc *scope) permitHistory() error {
	if !sc.subscribed {
		return refuse(CodeNotSubscribed)
	}
	return nil
}

// permitRead is for a message.
func (sc *scope) permitRead(id ulid.ULID) error {
	if id.Compare(sc.oldest()) <= 0 {
		return refuse(CodeHistoryPermissionDenied)
	}
	return nil
}

func (sc *scope) permitPublish(event string) (*eventGrant, error) {
	if !protocol.ValidEvent(event) {
		return nil, refuseBecause(CodeInvalidRequest, invalidEvent)
	}
	g := sc.grant.event(event)
	if !g.broadcast && !(sc.subscribed && g.publish) {
		if g.publish {
			return nil, refuse(CodeNotSubscribed)
		}
		return nil, refuse(CodePublishPermissionDenied)
	}
	return g, nil
}

// permitReacting is what all reactions need, and permitReaction what one to a
// message of the event does.
func (sc *scope) permitReacting() error {
	if !sc.subscribed {
		return refuse(CodeNotSubscribed)
	}
	if sc.meta.UID == "" {
		return refuse(CodeReactionPermissionDenied)
	}
	return nil
}

func (sc *scope) permitReaction(event, reaction string) (*eventGrant, error) {
	g := sc.grant.event(event)
	if !g.mayReact(reaction) {
		return nil, refuse(CodeReactionPermissionDenied)
	}
	return g, nil
}

func (sc *scope) permitGet(key string) error {
	if !protocol.ValidKey(key) {
		return refuseBecause(CodeInvalidRequest, invalidKey)
	}
	if !sc.grant.entry(key).get {
		return refuse(CodeStoragePermissionDenied)
	}
	return nil
}

func (sc *scope) permitSet(key string) (*entryGrant, error) {
	if !protocol.ValidKey(key) {
		return nil, refuseBecause(CodeInvalidRequest, invalidKey)
	}
	g := sc.grant.entry(key)
	if !g.set {
		return nil, refuse(CodeStoragePermissionDenied)
	}
	return g, nil
}

func (sc *scope) permitInfo() error {
	if !sc.grant.getInfo {
		return refuse(CodeInfoPermissionDenied)
	}
	return nil
}

// permitDue says whether something may be scheduled with such a
// "scheduleBefore"; with a zero time, whether anything may.
func permitDue(due, latest time.Time) error {
	if !latest.After(time.Now()) || due.After(latest) {
		return refuse(CodeSchedulePermissionDenied)
	}
	return nil
}

// permitUMD says whether a umd token permits to change metadata, with scope on
// a channel or with nil of the connection.
func (g *grant) permitUMD(sc *scope) error {
	switch {
	case sc == nil && !g.mayUpdateUMD(""), sc != nil && !g.mayUpdateUMD(sc.channel):
		return refuse(CodeUMDUpdatePermissionDenied)
	case sc != nil && !sc.subscribed:
		return refuse(CodeNotSubscribed)
	}
	return nil
}
