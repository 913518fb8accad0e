package hotsock

import (
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// subState is where a subscription is in its life.
type subState uint8

const (
	// subJoining: items are kept until the client has been told that it is
	// subscribed.
	subJoining subState = iota
	// subLive: items go out as they come.
	subLive
	// subEnded: nothing goes out any more.
	subEnded
)

// A subscription is one connection on one channel.
type subscription struct {
	conn    *connection
	channel string
	topic   *topic
	// claims are those of the subscribe token, or nil; grant is what that and
	// the connect token permit on the channel.
	claims  []byte
	grant   *permission.Channel
	uid     string
	counted bool
	// The newest item when it began: what follows may be listed.
	from ulid.ULID

	// Guarded by conn.mu.
	umd []byte

	// Guarded by topic.mu.
	index int
	state subState
	// gap is true after items were lost, until resubscribe deals with it. Nothing
	// that follows the gap goes out before the client is told.
	gap bool
	// owed is the change of members that the client has yet to be sent.
	owed     debt
	position ulid.ULID // items up to here are not for this subscription
	// held is what was delivered in the state subJoining, nil if that is nothing.
	held *heldItems
	// reads are nil until the client is told of storage entries outside of the
	// order of items.
	reads *storageReads
}

// heldItems wait until the client has been told that it is subscribed.
type heldItems struct {
	items []*store.Item
	size  int // bytes of their frames, of changes of members without the list
}

// dropped reports whether they were too many. The client is disconnected, and
// must not be given what follows them, from where it would go on later.
func (h *heldItems) dropped() bool { return h != nil && h.items == nil }

// storageReads are what a client was told of storage entries outside of the
// order of items.
type storageReads struct {
	// told has the newest version of each key: older ones must not follow.
	told map[string]ulid.ULID
	// key is the one that a command of the client is reading, "" for none, and
	// passed the newest version of it that the client was sent meanwhile.
	key    string
	passed *store.Entry
}

// deliver returns whether the client is given the item, now or when it has
// joined. It is called with the topic's lock held.
func (s *subscription) deliver(item *store.Item, frame socket.Frame) bool {
	// Its own joining is not after its position, and so left out anyway. One that
	// is comes after its leaving, which it was told of: the store took the node
	// for dead meanwhile.
	if item.Exclude != "" && item.Exclude == s.conn.id && item.Presence == nil {
		return false
	}
	if item.Storage != nil && !s.grant.Entry(item.Storage.Key).Observe {
		return false
	}
	switch s.state {
	case subLive:
		return s.send(item, frame)
	case subJoining:
		return s.hold(item, frame.Len())
	}
	return false
}

// hold keeps an item until the client has been told that it is subscribed, and
// returns false if it is one too many. Its frame is that long.
func (s *subscription) hold(item *store.Item, size int) bool {
	if s.held == nil {
		s.held = new(heldItems)
	}
	h := s.held
	if h.size += size; h.size > s.conn.h.opts.MaxQueueSize {
		h.items = nil
		s.conn.tooSlow()
		return false
	}
	if item.Presence != nil {
		item = withoutMembers(item)
	}
	h.items = append(h.items, item)
	return true
}

// withoutMembers returns a change of members without the list, so that this can
// be freed.
func withoutMembers(item *store.Item) *store.Item {
	short, change := *item, *item.Presence
	change.Members = nil
	short.Presence = &change
	return &short
}

// send passes on what the client does not know yet, and returns whether it did
// not.
func (s *subscription) send(item *store.Item, frame socket.Frame) bool {
	if !s.lacks(item) {
		return false
	}
	if item.Storage != nil && s.reads != nil {
		if told, ok := s.reads.told[item.Storage.Key]; ok {
			if item.ID.Compare(told) <= 0 {
				return false
			}
			delete(s.reads.told, item.Storage.Key)
		}
		s.reads.pass(item.Storage)
	}
	s.conn.sock.Send(frame)
	return true
}

// lacks reports whether an item is newer than what the client was told when it
// was subscribed.
func (s *subscription) lacks(item *store.Item) bool { return item.ID.Compare(s.position) > 0 }

// tell notes that the client is being told of a storage entry outside the order
// of items, and sends the frame. The topic's lock must be held.
func (s *subscription) tell(e *store.Entry, frame socket.Frame) {
	s.note(e)
	s.conn.sock.Send(frame)
}

// note is tell without the sending.
func (s *subscription) note(e *store.Entry) {
	r := s.read()
	if len(r.told) >= maxTold {
		clear(r.told)
	}
	r.told[e.Key] = e.ID
	r.pass(e)
}

// read returns the storage reads, to be changed.
func (s *subscription) read() *storageReads {
	if s.reads == nil {
		s.reads = &storageReads{told: make(map[string]ulid.ULID)}
	}
	return s.reads
}

// suspend keeps what is delivered from now on until resubscribe. The topic's
// lock must be held.
func (s *subscription) suspend() {
	s.gap = true
	if s.state == subLive {
		s.state = subJoining
	}
}

// suspended reports whether the client must be told of lost items.
func (s *subscription) suspended() bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.gap
}

// goLive sends what is waiting and lets the following pass, unless items were
// lost or dropped meanwhile. The topic's lock must be held.
func (s *subscription) goLive(position ulid.ULID) {
	s.position = position
	if s.gap || s.held.dropped() {
		return
	}
	s.state = subLive
	if s.held == nil {
		return
	}
	var changes []*store.Item
	for _, item := range s.held.items {
		switch {
		case item.Presence == nil:
			s.send(item, itemFrame(item))
		case s.lacks(item):
			changes = append(changes, item)
		}
	}
	s.tellHeld(changes)
	s.held = nil
}

// meta is who the user is on this channel.
func (s *subscription) meta() store.Meta {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return store.Meta{UID: s.uid, UMD: s.umd}
}
