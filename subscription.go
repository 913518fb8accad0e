package hotsock

import (
	"slices"
	"sync/atomic"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// subState is where a subscription is in its life.
type subState uint8

const (
	// subBuffering: items wait until the client has been sent a snapshot.
	subBuffering subState = iota
	// subLive: items go out as they come.
	subLive
	// subEnded: nothing goes out any more.
	subEnded
)

// A subscription is one connection on one channel.
type subscription struct {
	// What every delivery reads is together, since it is seldom in the CPU's cache.

	sock *socket.Conn // conn's
	// progress is nil unless conn is a feed that counts what its client has received.
	progress *feedProgress

	// Guarded by topic.mu.

	// reads are nil until the client is told of storage entries outside of the
	// order of items.
	reads *storageReads
	// buffer has what was delivered in the state subBuffering, nil if that is nothing.
	buffer   *itemBuffer
	position ulid.ULID // items up to here are not for this subscription
	state    subState
	// gap is true after items were lost, until a resync deals with it. Nothing
	// that follows the gap goes out before the client is told.
	gap bool
	// pending is the change of members that the client has yet to be sent.
	pending pendingChange

	conn    *connection
	channel string
	topic   *topic
	// claims are those of the subscribe token, and token the same compiled, nil without
	// one; permitted is what these, the connect token and the app permit on the channel.
	// ops is held to change it, and topic.mu, so that nobody hands out an item meanwhile.
	claims    []byte
	token     *permission.Grant
	permitted atomic.Pointer[permission.Channel]
	uid       string
	counted   bool
	// The newest item when it began: what follows may be listed.
	from ulid.ULID

	// Guarded by conn.mu. granted is what the app adds to the claims.
	umd     []byte
	granted *appGrant

	// Guarded by topic.mu.
	index int
	// follows is true if the client follows changes of members, instead of being sent
	// lists, and told once it has been sent a snapshot.
	follows, told bool
	// informed is true if the client is sent the channel's info, and shownCount the count
	// that it was sent last.
	informed   bool
	shownCount int
}

// An itemBuffer has the items that wait until the client has been sent a snapshot.
type itemBuffer struct {
	items []*store.Item
	size  int // bytes of their frames, of changes of members without the list
}

// changesSince returns the changes of members that followed an item.
func (b *itemBuffer) changesSince(position ulid.ULID) (changes []*store.PresenceChange) {
	if b == nil {
		return nil
	}
	for _, item := range b.items {
		if item.Presence != nil && item.ID.Compare(position) > 0 {
			changes = append(changes, item.Presence)
		}
	}
	return changes
}

// dropChanges forgets the changes of members.
func (b *itemBuffer) dropChanges() {
	b.drop(func(item *store.Item) bool { return item.Presence != nil })
}

func (b *itemBuffer) drop(which func(item *store.Item) bool) {
	if !b.overflowed() && b != nil {
		b.items = slices.DeleteFunc(b.items, which)
	}
}

// overflowed reports whether they were too many. The client is disconnected, and
// must not be given what follows them, from where it would go on later.
func (b *itemBuffer) overflowed() bool { return b != nil && b.items == nil }

// storageReads are what a client was told of storage entries outside of the
// order of items.
type storageReads struct {
	// sent has the newest version of each key: older ones must not follow.
	sent map[string]ulid.ULID
	// reading is the key that a command of the client is reading, "" for none, and
	// sentMeanwhile the newest version of it that the client was sent since.
	reading       string
	sentMeanwhile *store.Entry
}

// deliver returns whether the client is given the item, now or after a snapshot. The
// topic's lock must be held.
func (s *subscription) deliver(item *store.Item, frame socket.Frame) bool {
	// The client's own coming is not after its position, and so left out anyway. One
	// that is comes after its going, which it was told of: the store took the node for
	// dead meanwhile.
	if item.Exclude != "" && item.Exclude == s.conn.id && item.Presence == nil {
		return false
	}
	if item.Storage != nil && !s.perms().Entry(item.Storage.Key).Observe {
		return false
	}
	switch s.state {
	case subLive:
		return s.send(item, frame)
	case subBuffering:
		return s.bufferItem(item, frame.Len())
	}
	return false
}

// bufferItem keeps an item until the client has been sent a snapshot, and returns
// false if it is one too many. Its frame is that long.
func (s *subscription) bufferItem(item *store.Item, size int) bool {
	if s.buffer == nil {
		s.buffer = new(itemBuffer)
	}
	b := s.buffer
	if b.size += size; b.size > s.conn.h.opts.MaxQueueSize {
		b.items = nil
		s.conn.tooSlow()
		return false
	}
	b.items = append(b.items, item)
	return true
}

// send passes on what the client does not know yet, and returns whether it did
// not.
func (s *subscription) send(item *store.Item, frame socket.Frame) bool {
	if !s.isNew(item) {
		return false
	}
	if item.Storage != nil && s.reads != nil {
		if sent, ok := s.reads.sent[item.Storage.Key]; ok {
			if item.ID.Compare(sent) <= 0 {
				return false
			}
			delete(s.reads.sent, item.Storage.Key)
		}
		s.reads.noteSent(item.Storage)
	}
	if s.progress != nil && item.Message != nil {
		s.progress.send(s.sock, s.channel, item.ID, frame)
	} else {
		s.sock.Send(frame)
	}
	return true
}

// isNew reports whether an item is newer than the client's snapshot.
func (s *subscription) isNew(item *store.Item) bool { return item.ID.Compare(s.position) > 0 }

// sendEntry sends a storage entry outside of the order of items. The topic's lock
// must be held.
func (s *subscription) sendEntry(e *store.Entry, frame socket.Frame) {
	s.noteEntry(e)
	s.sock.Send(frame)
}

// noteEntry is sendEntry without the sending.
func (s *subscription) noteEntry(e *store.Entry) {
	r := s.storageReads()
	if len(r.sent) >= maxSentEntries {
		clear(r.sent)
	}
	r.sent[e.Key] = e.ID
	r.noteSent(e)
}

// storageReads returns the storage reads, to be changed.
func (s *subscription) storageReads() *storageReads {
	if s.reads == nil {
		s.reads = &storageReads{sent: make(map[string]ulid.ULID)}
	}
	return s.reads
}

// startGap notes that items are lost, and buffers what follows until the resync. The
// topic's lock must be held.
func (s *subscription) startGap() {
	s.gap = true
	if s.state == subLive {
		s.state = subBuffering
	}
}

// hasGap reports whether the client must be told of lost items.
func (s *subscription) hasGap() bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.gap
}

// passItems sends what is buffered and lets what follows pass, unless items were
// lost meanwhile, or the buffer overflowed. The topic's lock must be held.
func (s *subscription) passItems(position ulid.ULID) {
	s.position = position
	if s.gap || s.buffer.overflowed() {
		return
	}
	s.state = subLive
	if s.buffer == nil {
		return
	}
	if s.follows {
		s.buffer.dropChanges() // They were told otherwise.
	}
	var changes []*store.Item
	for _, item := range s.buffer.items {
		switch {
		case item.Presence == nil:
			s.send(item, itemFrame(item))
		case s.isNew(item):
			changes = append(changes, item)
		}
	}
	s.sendBuffered(changes)
	s.buffer = nil
}

// perms are what the client may do on the channel at the moment.
func (s *subscription) perms() *permission.Channel { return s.permitted.Load() }

// meta is who the user is on this channel.
func (s *subscription) meta() store.Meta {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return store.Meta{UID: s.uid, UMD: s.umd}
}
