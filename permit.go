package hotsock

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
)

// This file has the checks that decide whether a client may do something. None
// needs the store. What a client is told is the error.

// permitSubscribe says whether a user, uid on this channel, may subscribe.
func permitSubscribe(g *permission.Channel, channel, uid string) error {
	if !g.Subscribe {
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

func (sc *scope) permitPublish(event string) (*permission.Event, error) {
	if !protocol.ValidEvent(event) {
		return nil, refuseBecause(CodeInvalidRequest, invalidEvent)
	}
	g := sc.grant.Event(event)
	if !g.Broadcast && !(sc.subscribed && g.Publish) {
		if g.Publish {
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

func (sc *scope) permitReaction(event, reaction string) (*permission.Event, error) {
	g := sc.grant.Event(event)
	if !g.MayReact(reaction) {
		return nil, refuse(CodeReactionPermissionDenied)
	}
	return g, nil
}

func (sc *scope) permitGet(key string) error {
	if !protocol.ValidKey(key) {
		return refuseBecause(CodeInvalidRequest, invalidKey)
	}
	if !sc.grant.Entry(key).Get {
		return refuse(CodeStoragePermissionDenied)
	}
	return nil
}

func (sc *scope) permitSet(key string) (*permission.Entry, error) {
	if !protocol.ValidKey(key) {
		return nil, refuseBecause(CodeInvalidRequest, invalidKey)
	}
	g := sc.grant.Entry(key)
	if !g.Set {
		return nil, refuse(CodeStoragePermissionDenied)
	}
	return g, nil
}

func (sc *scope) permitInfo() error {
	if !sc.grant.GetInfo {
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
func permitUMD(g *permission.Grant, sc *scope) error {
	switch {
	case sc == nil && !g.MayUpdateUMD(""), sc != nil && !g.MayUpdateUMD(sc.channel):
		return refuse(CodeUMDUpdatePermissionDenied)
	case sc != nil && !sc.subscribed:
		return refuse(CodeNotSubscribed)
	}
	return nil
}
