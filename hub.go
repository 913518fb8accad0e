package hotsock

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// hubShards spreads the lock of the channel map.
const hubShards = 64

// A hub knows this node's subscribers of each channel and hands them what the
// store delivers. A channel is watched while it has subscribers here.
type hub struct {
	seed    maphash.Seed
	shards  [hubShards]hubShard
	flusher *socket.Flusher
}

type hubShard struct {
	mu     sync.RWMutex
	topics map[string]*topic
	refs   int // of all topics

	// Counted once an item, not once a subscriber.
	items     atomic.Uint64
	delivered atomic.Uint64
}

// A topic is the local side of a channel.
type topic struct {
	// What every delivery reads is together, since it is seldom in the CPU's cache.

	// mu is held while an item is handed out, so that whoever holds it knows
	// exactly which items a subscriber has been given.
	mu   sync.Mutex
	subs []*subscription
	// at is the newest item that was delivered, or the position at which the store said
	// who the members are if that is newer. The members are those after that.
	at      ulid.ULID
	members *memberList // nil if it is no presence channel
	shard   *hubShard

	// Guarded by mu, too.
	one   [1]*subscription // room for subs
	batch *memberBatch     // nil if it is no presence channel
	// tooMuch is the newest item after which there was more than any client may
	// be sent at once. So there is after all that are older.
	tooMuch ulid.ULID
	// latest are the changes of members while the topic exists. listTimerOn is true
	// while listTimer is to fire, for those who have one pending.
	latest      latestChanges
	informed    int // subscriptions whose clients are sent the channel's info
	listTimerOn bool
	listTimer   *time.Timer

	// watch orders Watch and Unwatch. It is held while the store is called.
	watch   sync.Mutex
	watched bool

	channel string
	refs    int // guarded by the shard's mu
}

func newHub(f *socket.Flusher) *hub {
	h := &hub{seed: maphash.MakeSeed(), flusher: f}
	for i := range h.shards {
		h.shards[i].topics = make(map[string]*topic)
	}
	return h
}

func (h *hub) shard(channel string) *hubShard {
	return &h.shards[maphash.String(h.seed, channel)%hubShards]
}

// acquire returns the channel's topic, being watched. Each call needs a
// release.
func (h *hub) acquire(ctx context.Context, n store.Node, channel string) (*topic, error) {
	s := h.shard(channel)
	s.mu.Lock()
	t := s.topics[channel]
	if t == nil {
		t = &topic{channel: channel, shard: s}
		t.subs = t.one[:0]
		if protocol.IsPresence(channel) {
			t.members, t.batch = new(memberList), new(memberBatch)
		}
		s.topics[channel] = t
	}
	t.refs++
	s.refs++
	s.mu.Unlock()

	t.watch.Lock()
	if !t.watched {
		if err := n.Watch(ctx, channel); err != nil {
			t.watch.Unlock()
			h.release(n, t)
			return nil, err
		}
		t.watched = true
	}
	t.watch.Unlock()
	return t, nil
}

func (h *hub) release(n store.Node, t *topic) {
	s := t.shard
	t.watch.Lock()
	defer t.watch.Unlock()

	s.mu.Lock()
	t.refs--
	s.refs--
	last := t.refs == 0
	s.mu.Unlock()
	if !last {
		return
	}
	if t.watched {
		n.Unwatch(t.channel)
		t.watched = false
		t.mu.Lock()
		if t.members != nil {
			t.members = new(memberList)
		}
		t.mu.Unlock()
	}
	// Somebody may have acquired it meanwhile, and waits to watch it again.
	s.mu.Lock()
	if t.refs == 0 {
		delete(s.topics, t.channel)
	}
	s.mu.Unlock()
}

// topic returns the channel's topic, or nil if nobody here is subscribed.
func (h *hub) topic(channel string) *topic {
	s := h.shard(channel)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.topics[channel]
}

// each calls f for each topic. f must not take long, or a topic's lock.
func (h *hub) each(f func(t *topic)) {
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.RLock()
		for _, t := range s.topics {
			f(t)
		}
		s.mu.RUnlock()
	}
}

// deliver hands an item to the channel's subscribers here, and returns how many
// took it. The frame is built once, for all.
func (h *hub) deliver(item *store.Item) (taken int) {
	t := h.topic(item.Channel)
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.follow(item)
	if len(t.subs) == 0 {
		return 0
	}
	if item.Presence != nil {
		taken = t.deliverChange(item)
	} else {
		taken = t.handOut(h.flusher, item)
	}
	t.shard.items.Add(1)
	t.shard.delivered.Add(uint64(taken))
	return taken
}

// A handOut is an item that is handed to the subscribers of a topic.
type handOut struct {
	subs  []*subscription
	item  *store.Item
	frame socket.Frame
	taken atomic.Int64
}

var handOuts = sync.Pool{New: func() any { return new(handOut) }}

// handOut hands an item that is no change of members to the subscribers, and returns how
// many took it. The topic's lock must be held: those who help do so for whom has it.
func (t *topic) handOut(f *socket.Flusher, item *store.Item) (taken int) {
	o := handOuts.Get().(*handOut)
	o.subs, o.item, o.frame = t.subs, item, itemFrame(item)
	f.Share(len(t.subs), o)
	taken = int(o.taken.Swap(0))
	o.subs, o.item, o.frame = nil, nil, socket.Frame{}
	handOuts.Put(o)
	return taken
}

// Do is part of [socket.Task].
func (o *handOut) Do(from, to int) {
	taken := 0
	for _, s := range o.subs[from:to] {
		if s.deliver(o.item, o.frame) {
			taken++
		}
	}
	o.taken.Add(int64(taken))
}

// follow takes note of an item that is delivered. The topic's lock must be held.
func (t *topic) follow(item *store.Item) {
	if item.ID.Compare(t.at) <= 0 {
		return
	}
	t.at = item.ID
	if item.Presence != nil {
		t.members.apply(item.Presence)
		t.batchChange(item.Presence)
	}
	if t.members != nil && len(t.members.awaits) > 0 {
		t.wakeAwaits()
	}
}

// startGap makes the channel's subscriptions wait for a resync.
func (h *hub) startGap(channel string) {
	t := h.topic(channel)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.members != nil {
		t.members.known = false
	}
	for _, s := range t.subs {
		s.startGap()
	}
}

// add makes a subscription part of the topic.
func (t *topic) add(s *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.index = len(t.subs)
	if t.subs = append(t.subs, s); len(t.subs) > 1 {
		t.one[0] = nil // or it would be kept when it has left
	}
	if s.follows {
		t.batch.followers++
	}
	if s.informed {
		t.informed++
	}
}

// remove ends that: when it returns, s is given no more items.
func (t *topic) remove(s *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.state = subEnded
	s.buffer = nil
	s.pending = pendingNone
	t.setFollows(s, false)
	t.setInformed(s, false)
	last := len(t.subs) - 1
	t.subs[s.index] = t.subs[last]
	t.subs[s.index].index = s.index
	t.subs[last] = nil
	t.subs = t.subs[:last]
	if last == 0 && t.listTimer != nil {
		t.listTimer.Stop()
		t.listTimerOn = false
	}
}

// exceed notes that after an item there is more than any client may be sent.
func (t *topic) exceed(after ulid.ULID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if after.Compare(t.tooMuch) > 0 {
		t.tooMuch = after
	}
}

// exceeded reports whether that is known.
func (t *topic) exceeded(after ulid.ULID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return after.Compare(t.tooMuch) <= 0
}

// subscribers returns the subscriptions as they are now.
func (t *topic) subscribers() []*subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*subscription(nil), t.subs...)
}

// ofUser returns the connections that are subscribed to a channel as a user,
// who may be somebody else, or nobody, outside of it.
func (h *hub) ofUser(channel, uid string) []*connection {
	t := h.topic(channel)
	if t == nil {
		return nil
	}
	var conns []*connection
	for _, s := range t.subscribers() {
		if s.uid == uid {
			conns = append(conns, s.conn)
		}
	}
	return conns
}

// itemFrame is what subscribers are sent for an item that is no change of members.
func itemFrame(item *store.Item) socket.Frame {
	if item.Message != nil {
		return messageFrame(item.Message)
	}
	return storageUpdatedFrame(item.Storage)
}

// messageRoom and metaRoom are the usual lengths of what surrounds the parts of a
// message and of its meta. Every message has a frame, so it should not be longer
// than necessary.
const (
	messageRoom = 72
	metaRoom    = 32
)

func messageFrame(m *store.Message) socket.Frame {
	room := messageRoom + len(m.Channel) + len(m.Event) + len(m.Data)
	if m.Meta != nil {
		room += metaRoom + len(m.Meta.UID) + len(m.Meta.UMD)
	}
	return socket.Finish(wire.AppendMessage(socket.Start(room), m))
}

// presenceFrame is that of a change of members, with the list of them.
func presenceFrame(channel string, c *store.PresenceChange, members func(b []byte) []byte) socket.Frame {
	return socket.Finish(wire.AppendPresence(socket.Start(frameRoom), channel, c, members))
}

// memberChangedFrame is that of a change of members without the list.
func memberChangedFrame(channel string, c *store.PresenceChange) socket.Frame {
	return socket.Finish(wire.AppendMemberChanged(socket.Start(frameRoom), channel, c))
}

func storageUpdatedFrame(e *store.Entry) socket.Frame {
	return socket.Finish(wire.AppendStorageUpdated(socket.Start(frameRoom+len(e.Value)), e))
}
