package client

import (
	"context"
	"hash/maphash"
	"slices"
)

// A Subscription receives what happens on a channel, in the channel's order: each
// message and reaction exactly once, whatever happens to the connection, or a
// [Gap] where something may be missing.
//
// Call Next in a loop. A program that does not call it soon enough loses nothing:
// beyond [Options.MaxQueueSize] the subscription drops what comes, and when Next
// has returned everything from before, it catches up from the server, as after a
// lost connection. So a program that is too slow for longer than the server
// remembers gets a Gap too. Other subscriptions and commands do not wait for a
// slow one.
//
// All methods may be called concurrently; each event is returned by one call of
// Next.
type Subscription struct {
	c    *Client
	name string // that the program used
	opts SubscribeOptions

	ready chan struct{} // closed when it has begun for the first time
	ended chan struct{} // closed when it has ended
	wake  chan struct{} // has one element if Next may have something to return

	// Guarded by Client.mu.
	state   state
	err     error // why it ended
	lastErr error // why it is still joining
	joins   int   // counts attempts, so that what belongs to an older one is known
	rests   int   // the same for awaitRest
	left    bool  // the server was told to leave the channel, to join it again
	retries backoff
	channel string // real name, "" before it has begun
	alias   string
	me      User
	last    string   // id of the last event in the queue that has one
	own     []string // ids after last that Publish has returned, in order
	begun   bool
	rewound rewoundData
	members []User
	paged   *pagedStart       // while the list of members is still coming
	stored  map[string]uint64 // storage keys that were told, with hashes of their values
	stale   map[string]bool   // those of them that were not told again since it began again
	info    *ChannelInfo      // that was told last
	queue   []queued
	queued  int // bytes

	followers []*follower
}

type state uint8

const (
	// joining: nothing counts until the server says that it is subscribed.
	joining state = iota
	// live: events go to the queue.
	live
	// behind: the queue was full. Nothing counts until it is empty; then it
	// joins again.
	behind
	// over: it has ended.
	over
)

type queued struct {
	event Event
	size  int
}

// eventSize is what an event costs besides its frame.
const eventSize = 200

// Channel is the channel's name. If the program subscribed by an alias, it is
// the real name.
func (s *Subscription) Channel() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.channel
}

// Alias is the name that the token gives the channel, or "".
func (s *Subscription) Alias() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.alias
}

// User is who the client was on this channel when it last subscribed, such as
// after a reconnect. [Client.UpdateUMD] does not change it: [Subscription.Members]
// has what others see now.
func (s *Subscription) User() User {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.me
}

// LastID is the id of the last message or reaction that was received, whether
// Next has returned it already or not. Before the first, it is the position at
// which the subscription began.
// A program that keeps the id of the last message it has dealt with can go on
// after it in another process: see [SubscribeOptions.After].
func (s *Subscription) LastID() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.last
}

// Next returns the next event, and waits if there is none. When the subscription
// has ended and everything was returned, it returns why it ended:
// [ErrUnsubscribed], [ErrClosed], or an [*Error] if the server did not let it
// subscribe again after a reconnect. If ctx ends first, it returns the
// context's error, and no event is lost.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if event, err := s.pop(); event != nil || err != nil {
			return event, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pop returns the next event or the end, or nothing if it must be waited for.
func (s *Subscription) pop() (Event, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if len(s.queue) > 0 {
		q := s.queue[0]
		s.queue[0] = queued{}
		s.queue = s.queue[1:]
		s.queued -= q.size
		s.signal() // another call of Next may be waiting
		return q.event, nil
	}
	s.queue = nil
	switch s.state {
	case over:
		s.signal()
		return nil, s.err
	case behind:
		s.resume(s.c.conn)
	}
	return nil, nil
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// push queues the events of a frame, and reports whether there was room for them:
// for all or none, and always if nothing else waits, so that the subscription
// gets on. Client.mu must be held.
func (s *Subscription) push(frame int, events ...Event) bool {
	if s.state != live {
		return false
	}
	if size := frame + len(events)*eventSize; len(s.queue) > 0 && s.queued+size > s.c.opts.MaxQueueSize {
		s.state = behind
		s.signal()
		return false
	}
	for _, e := range events {
		size := frame + eventSize
		frame = 0 // The events share it.
		s.queue = append(s.queue, queued{e, size})
		s.queued += size
	}
	s.signal()
	return true
}

// handle takes a frame of the channel that answers no command. Client.mu must
// be held.
func (s *Subscription) handle(n *conn, f *frame) error {
	switch {
	case f.Event == eventUnsubscribed:
		if s.state == joining {
			// It was about to catch up, which by now would subscribe it again.
			s.giveUp(ErrUnsubscribed)
		}
		err := ErrUnsubscribed
		var d unsubscribedData
		if f.data(&d) == nil && d.Reason != "" {
			err = &endedError{d.Reason}
		}
		s.end(err)
		return nil
	case s.state == behind:
		s.tellFollowers(f)
		return nil
	case s.state != live:
		return nil
	case f.Event == eventSubscribed:
		return s.begin(n, f)
	case f.Event == eventMembers:
		return s.addPage(n, f)
	case f.Event == eventMembersChanged:
		return s.changeMembers(f)
	}
	event, err := f.event()
	if event == nil || err != nil {
		return err
	}
	s.tellFollowers(f)
	switch e := event.(type) {
	case Message:
		e.Own = slices.Contains(s.own, e.ID)
		s.pushNumbered(e.ID, e, f.size)
	case Update:
		s.pushNumbered(e.ID, e, f.size)
	case Append:
		s.pushNumbered(e.ID, e, f.size)
	case Deletion:
		s.pushNumbered(e.ID, e, f.size)
	case Reaction:
		s.pushNumbered(e.ID, e, f.size)
	case MemberChange:
		if e.Members == nil {
			e.Members = e.apply(s.members)
		}
		if s.push(f.size, e) {
			s.members = e.Members
		}
	case Erasure:
		s.pushNumbered(e.ID, e, f.size)
	case Entry:
		s.pushEntry(e, f.size)
	case ChannelInfo:
		s.pushInfo(e, f.size)
	}
	return nil
}

// pushNumbered leaves out what was there already.
func (s *Subscription) pushNumbered(id string, e Event, size int) {
	if id > s.last && s.push(size, e) {
		s.passed(id)
	}
}

// passed notes how far the subscription has come.
func (s *Subscription) passed(id string) {
	s.last = id
	i, _ := slices.BinarySearch(s.own, id+"\x00")
	s.own = s.own[i:]
}

// maxOwn bounds what a subscription remembers of what the client published.
const maxOwn = 1000

// published notes a message that may come back. Client.mu must be held.
func (s *Subscription) published(id string) {
	if id <= s.last || len(s.own) > 0 && id <= s.own[len(s.own)-1] {
		return
	}
	if len(s.own) == maxOwn {
		s.own = s.own[1:]
	}
	s.own = append(s.own, id)
}

// hashSeed makes it impossible to choose values with equal hashes.
var hashSeed = maphash.MakeSeed()

// pushEntry leaves out what the program knows when a subscription begins again.
func (s *Subscription) pushEntry(e Entry, size int) {
	hash := maphash.Bytes(hashSeed, e.Data)
	known, ok := s.stored[e.Key]
	if s.stale[e.Key] && ok && known == hash {
		delete(s.stale, e.Key)
		return
	}
	if !ok && len(s.stored) >= maxStored {
		s.giveUp(errTooManyKeys)
		return
	}
	if !s.push(size, e) {
		return
	}
	delete(s.stale, e.Key)
	if string(e.Data) == "null" {
		delete(s.stored, e.Key)
		return
	}
	if s.stored == nil {
		s.stored = make(map[string]uint64)
	}
	s.stored[e.Key] = hash
}

// pushInfo leaves out what the program knows when a subscription begins again.
func (s *Subscription) pushInfo(e ChannelInfo, size int) {
	if s.info != nil && s.info.Subscriptions == e.Subscriptions {
		return
	}
	if s.push(size, e) {
		s.info = &e
	}
}

// giveUp ends the subscription, and on the server if it has begun there.
// Client.mu must be held.
func (s *Subscription) giveUp(err error) {
	if n := s.c.conn; n != nil && n.channels[s.channel] == s {
		_, _ = n.enqueue(command{Event: "hotsock.unsubscribe", Channel: s.name}, nil)
	}
	s.end(err)
}

// end ends the subscription. Client.mu must be held.
func (s *Subscription) end(err error) {
	if s.state == over {
		return
	}
	s.state, s.err = over, err
	delete(s.c.subs, s.name)
	if n := s.c.conn; n != nil && n.channels[s.channel] == s {
		delete(n.channels, s.channel)
	}
	for _, f := range s.followers {
		f.err = err
		f.signal()
	}
	s.followers = nil
	close(s.ended)
	s.signal()
	s.c.broadcast()
}
