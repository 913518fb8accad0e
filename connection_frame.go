package hotsock

import (
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// frameRoom is for what surrounds the data in a frame: names, ids, meta.
const frameRoom = 192

var (
	keepAliveFrame = socket.Finish(wire.AppendKeepAlive(socket.Start(0)))
	plainPongFrame = socket.Finish(wire.AppendPong(socket.Start(0), ""))
)

func pongFrame(ref string) socket.Frame {
	if ref == "" {
		return plainPongFrame
	}
	return socket.Finish(wire.AppendPong(socket.Start(frameRoom), ref))
}

func connectedFrame(c *connection, secret string) socket.Frame {
	return socket.FinishSecret(wire.AppendConnected(socket.Start(2*frameRoom), wire.Connected{
		ConnectionID: c.id, Expires: c.expires(), Secret: secret, Meta: c.meta(),
	}))
}

func refreshedFrame(c *connection, ref string) socket.Frame {
	return socket.Finish(wire.AppendRefreshed(socket.Start(frameRoom), c.expires(), c.meta(), ref))
}

func subscribedFrame(s *subscription, w wire.Subscribed) socket.Frame {
	w.Channel, w.Alias, w.Meta = s.channel, s.perms().Alias, store.Meta{UID: s.uid, UMD: s.umd}
	return socket.Finish(wire.AppendSubscribed(socket.Start(frameRoom), &w))
}

func unsubscribedFrame(channel, alias, reason string, m store.Meta, ref string) socket.Frame {
	return socket.Finish(wire.AppendUnsubscribed(socket.Start(frameRoom), channel, alias, reason, m, ref))
}

func storageDataFrame(channel, key string, e *store.Entry, withVersion bool, ref string) socket.Frame {
	return socket.Finish(wire.AppendStorageData(socket.Start(frameRoom), channel, key, e, withVersion, ref))
}

func errorFrame(e *Error, channel, ref string) socket.Frame {
	return socket.Finish(wire.AppendError(socket.Start(frameRoom), channel, e.failure(), ref))
}

func ackFrame(channel string, a publishResult, ref string) socket.Frame {
	return socket.Finish(wire.AppendAck(socket.Start(frameRoom), wire.Ack{
		Channel: channel, ID: a.id, ScheduleARN: a.arn, Duplicate: a.duplicate, Written: a.written, Version: a.version, Ref: ref,
	}))
}
