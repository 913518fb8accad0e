package hotsock

import (
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// activate sends the client the channel's snapshot, from which on it gets every item,
// when the store knows the subscription.
func (c *connection) activate(s *subscription, req *subscribeRequest, r *store.SubscribeResult, ref string) error {
	s.from = r.Position
	c.h.events.subscribed(s, r)
	snap, err := c.readSnapshot(s, req, r)
	if err != nil {
		return err
	}
	snap.Ref = ref

	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	delete(c.retries, s.channel)
	c.subs.Set(s.channel, s)
	c.mu.Unlock()
	s.goLive(snap)
	return nil
}

// A snapshot is what a client is told at once of a channel: that it is subscribed,
// the members, the entries that it observes, and what it catches up with. The members
// are those that the topic knows when it is sent.
type snapshot struct {
	wire.Subscribed
	count   int // of the channel, as its info has it
	entries []*store.Entry
	missed  []*store.Message // or rewound
	rewinds bool             // if what was missed does not follow
}

// readSnapshot reads what the client must know at the position of r, which is a later
// one afterwards if the members could not be known at that.
func (c *connection) readSnapshot(s *subscription, req *subscribeRequest, r *store.SubscribeResult) (snapshot, error) {
	if err := c.awaitMembers(s, r); err != nil {
		return snapshot{}, err
	}
	snap := snapshot{count: r.Info.Count, rewinds: req.rewind.Wanted(), Subscribed: wire.Subscribed{AutoSubscribed: req.auto, CatchUp: req.catchUp, LastID: r.Position}}
	if !req.after.IsZero() {
		snap.Recovered = wire.RecoveryFailed
		if s.mayReplay(req.after) {
			missed, complete, err := c.readMissed(s, req.after, r.Position)
			if err != nil {
				return snap, err
			}
			if complete {
				snap.Recovered, snap.missed = wire.RecoveryDone, missed
			}
		}
	}
	if snap.rewinds && snap.Recovered != wire.RecoveryDone {
		messages, more, err := c.readRewind(s, req, r.Position)
		if err != nil {
			return snap, err
		}
		snap.rewound(messages, more)
	}
	ctx := c.storeContext()
	defer ctx.end()
	var err error
	snap.entries, err = c.h.reads.observed(ctx, s, c.h.opts.MaxQueueSize)
	return snap, err
}

// goLive sends the client the snapshot, and lets what follows it pass. The topic's
// lock must be held.
func (s *subscription) goLive(snap snapshot) {
	s.pending = pendingNone // the list is in the snapshot, and so are the changes until now
	s.buffer.dropChanges()
	snap.Members = s.topic.members.appendAll
	for !s.sendSnapshot(&snap) {
		if len(snap.missed) == 0 {
			s.conn.tooSlow()
			return
		}
		snap.shorten() // The client can read the history instead, page by page.
	}
	s.told = true
	s.inform(snap.count)
	s.passItems(snap.LastID)
}

// sendSnapshot sends the snapshot; or nothing, and returns false, if that is too
// much.
func (s *subscription) sendSnapshot(snap *snapshot) bool {
	frames := make([]socket.Frame, 0, 1+len(snap.entries)+len(snap.missed))
	if s.follows {
		frames = append(frames, s.pagedFrames(snap.Subscribed)...)
	} else {
		frames = append(frames, subscribedFrame(s, snap.Subscribed))
	}
	if s.informed {
		frames = append(frames, channelInfoFrame(s.channel, snap.count))
	}
	for _, e := range snap.entries {
		frames = append(frames, storageUpdatedFrame(e))
	}
	frames = s.conn.h.catchUps.appendFrames(frames, snap.missed)
	if !s.sendFrames(frames, snap) {
		return false
	}
	for _, e := range snap.entries {
		s.noteEntry(e)
	}
	return true
}

// sendFrames sends the frames of a snapshot; or nothing, and returns false, if they are too
// much.
func (s *subscription) sendFrames(frames []socket.Frame, snap *snapshot) bool {
	if s.progress == nil {
		return s.sock.SendAll(frames)
	}
	ids := make([]ulid.ULID, len(snap.missed))
	for i, m := range snap.missed {
		ids[i] = m.ID
	}
	return s.progress.sendAll(s.sock, s.channel, frames, ids, snap.LastID)
}
