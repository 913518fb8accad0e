package hotsock

import (
	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// This file is about clients that are sent the info of a channel: how many
// subscriptions it has, with their snapshot and whenever that has changed
// (docs/protocol.md#how-many-are-subscribed).

// permitInfo refuses a subscribe that asks for the info without permission.
func (req *subscribeRequest) permitInfo(perms *permission.Channel) error {
	if !req.info {
		return nil
	}
	return (&access{perms: perms}).permitInfo()
}

// setInformed makes a subscription of the topic one whose client is sent the info, or
// not. The topic's lock must be held.
func (t *topic) setInformed(s *subscription, informed bool) {
	switch {
	case s.informed == informed:
		return
	case informed:
		t.informed++
	default:
		t.informed--
	}
	s.informed = informed
	if t.informed == 0 {
		s.conn.h.infos.read(t.channel) // finds that nobody wants it
	}
}

// inform notes the count of the snapshot that the client was sent, and has it looked
// at again: it may have changed meanwhile. The topic's lock must be held.
func (s *subscription) inform(count int) {
	if s.informed {
		s.shownCount = count
		s.conn.h.infos.read(s.channel)
	}
}

func (s *subscription) isInformed() bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.informed
}

// wantsInfo reports whether clients of a channel here are sent its info.
func (h *hub) wantsInfo(channel string) bool {
	t := h.topic(channel)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.informed > 0
}

// sendInfo sends the count to those who were sent another one. The frame is built
// once, for all.
func (h *hub) sendInfo(channel string, count int) {
	t := h.topic(channel)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var frame socket.Frame
	for _, s := range t.subs {
		// Others are sent a snapshot next, which has the count.
		if !s.informed || !s.told || s.gap || s.shownCount == count {
			continue
		}
		if frame.IsZero() {
			frame = channelInfoFrame(channel, count)
		}
		s.shownCount = count
		s.sock.Send(frame)
	}
}

func channelInfoFrame(channel string, count int) socket.Frame {
	return socket.Finish(wire.AppendInfo(socket.Start(frameRoom), channel, count))
}
