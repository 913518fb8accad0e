package hotsock

import (
	"bytes"
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file is about subscribers who follow the changes of a presence channel's
// members (docs/protocol.md#6-presence). They are sent the list with their snapshot,
// in pages, and then what has changed: at once after a pause, and otherwise what came
// together meanwhile. The frames are the same for all of them. So a change costs each
// of them a few bytes, however many members there are.

// A memberBatch is what has changed since those who follow changes were told. It is
// guarded by the topic's mu.
type memberBatch struct {
	followers int // of the topic's subscriptions
	// removed were members and left, updated are still members, and added came, with
	// how many came until then. One who left and came again is removed and added.
	removed, updated table.Ordered[string, struct{}]
	added            table.Ordered[string, int]
	// came counts those who were added, and shown is how many of them are in a
	// snapshot that was sent: if they leave, that has to be told.
	came, shown int

	timer   *time.Timer
	timerOn bool // Changes wait for it.
}

// note adds a change.
func (b *memberBatch) note(change *store.PresenceChange) {
	uid := change.Member.UID
	n, added := b.added.Get(uid)
	switch change.Kind {
	case store.MemberAdded:
		b.came++
		b.added.Set(uid, b.came)
	case store.MemberUpdated:
		if !added {
			b.updated.Set(uid, struct{}{})
		}
	case store.MemberRemoved:
		b.added.Delete(uid)
		b.updated.Delete(uid)
		if !added || n <= b.shown {
			b.removed.Set(uid, struct{}{})
		}
	}
}

// clear forgets the changes.
func (b *memberBatch) clear() {
	b.removed, b.updated = table.Ordered[string, struct{}]{}, table.Ordered[string, struct{}]{}
	b.added, b.came, b.shown = table.Ordered[string, int]{}, 0, 0
}

// setFollows makes a subscription of the topic one that follows changes, or not. The
// topic's lock must be held.
func (t *topic) setFollows(s *subscription, follows bool) {
	b := t.batch
	switch {
	case s.follows == follows:
	case follows:
		b.followers++
	default:
		if b.followers--; b.followers == 0 {
			b.clear()
			if b.timer != nil {
				b.timer.Stop()
				b.timerOn = false
			}
		}
	}
	s.follows = follows
}

// batchChange tells those who follow changes of one, at once or with those that follow
// it. The topic's lock must be held.
func (t *topic) batchChange(change *store.PresenceChange) {
	b := t.batch
	if b.followers == 0 {
		return
	}
	b.note(change)
	if !b.timerOn {
		t.sendBatch()
	}
}

// batchDifference tells those who follow changes of what is different from an older
// list. The items that say so are delivered later, or never. The topic's lock must be
// held.
func (t *topic) batchDifference(old *table.Ordered[string, []byte]) {
	b, now := t.batch, &t.members.encoded
	if b.followers == 0 {
		return
	}
	note := func(kind store.PresenceKind, uid string) {
		b.note(&store.PresenceChange{Kind: kind, Member: store.Member{UID: uid}})
	}
	for uid := range old.All() {
		if _, ok := now.Get(uid); !ok {
			note(store.MemberRemoved, uid)
		}
	}
	for uid, m := range now.All() {
		switch was, ok := old.Get(uid); {
		case !ok:
			note(store.MemberAdded, uid)
		case !bytes.Equal(was, m):
			note(store.MemberUpdated, uid)
		}
	}
	if !b.timerOn {
		t.sendBatch()
	}
}

// sendBatch sends what has changed, if there is something. What changes next waits. The
// topic's lock must be held.
func (t *topic) sendBatch() {
	frames := t.batchFrames()
	b := t.batch
	b.clear()
	sent := false
	for _, s := range t.subs {
		// Others are sent a snapshot next.
		if s.follows && s.told && !s.gap {
			for _, f := range frames {
				sent = true
				s.sock.Send(f)
			}
		}
	}
	if !sent {
		return
	}
	b.timerOn = true
	if b.timer == nil {
		b.timer = time.AfterFunc(memberBatchPause, t.endBatch)
	} else {
		b.timer.Reset(memberBatchPause)
	}
}

// endBatch sends what has changed since the last batch.
func (t *topic) endBatch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.batch.timerOn {
		t.batch.timerOn = false
		t.sendBatch()
	}
}

// batchFrames makes frames of what has changed, none of which is long.
func (t *topic) batchFrames() (frames []socket.Frame) {
	b, l := t.batch, t.members
	change := wire.MembersChanged{Channel: t.channel, Count: l.encoded.Len()}
	size := 0
	room := func(more int) {
		if size += more; size > memberPage {
			frames = append(frames, membersChangedFrame(&change))
			change.Removed, change.Updated, change.Added = nil, nil, nil
			size = more
		}
	}
	for uid := range b.removed.All() {
		room(len(uid) + len(`"",`))
		change.Removed = append(change.Removed, uid)
	}
	for uid := range b.updated.All() {
		if m, ok := l.encoded.Get(uid); ok {
			room(len(m) + len(`,`))
			change.Updated = append(change.Updated, m)
		}
	}
	for uid := range b.added.All() {
		if m, ok := l.encoded.Get(uid); ok {
			room(len(m) + len(`,`))
			change.Added = append(change.Added, m)
		}
	}
	if size > 0 {
		frames = append(frames, membersChangedFrame(&change))
	}
	return frames
}

// pages returns the members in the order of joining, in pages that are not long. There
// is at least one.
func (l *memberList) pages() [][][]byte {
	pages := [][][]byte{nil}
	size := 0
	for _, m := range l.encoded.All() {
		each := len(m) + len(`,`)
		if size += each; size > memberPage {
			pages, size = append(pages, nil), each
		}
		last := &pages[len(pages)-1]
		*last = append(*last, m)
	}
	return pages
}

// pagedFrames are what a subscriber who follows changes is sent first. The topic's
// lock must be held.
func (s *subscription) pagedFrames(w wire.Subscribed) []socket.Frame {
	pages := s.topic.members.pages()
	w.Members = func(b []byte) []byte { return wire.AppendList(b, pages[0]) }
	w.More = len(pages) > 1
	frames := []socket.Frame{subscribedFrame(s, w)}
	for i, page := range pages[1:] {
		frames = append(frames, membersFrame(s.channel, page, i+2 < len(pages)))
	}
	s.topic.batch.shown = s.topic.batch.came
	return frames
}

// membersFrame is a page of members.
func membersFrame(channel string, page [][]byte, more bool) socket.Frame {
	return socket.Finish(wire.AppendMembersPage(socket.Start(frameRoom+memberPage), channel, page, more))
}

// membersChangedFrame is what those who follow changes are sent.
func membersChangedFrame(c *wire.MembersChanged) socket.Frame {
	return socket.Finish(wire.AppendMembersChanged(socket.Start(frameRoom), c))
}
