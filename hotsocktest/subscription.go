package hotsocktest

import (
	"encoding/json"
	"fmt"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
)

// A Subscription is a channel that a test has subscribed to. Its methods wait for
// the next event that was not expected yet. Events come in the order of the
// channel, so a test states what comes, and in which order.
type Subscription struct {
	*client.Subscription

	c *Client
}

// Expect takes the next event, which must be a message with that event name
// and data, and returns it. Data is compared as JSON: give what the app
// published, a json.RawMessage, or [Any].
func (s *Subscription) Expect(event string, data any) client.Message {
	s.c.t.Helper()
	m := Next[client.Message](s)
	if diff := diffMessage(event, data, m.Event, m.Data); diff != "" {
		s.c.t.Fatalf("hotsocktest: %s got on %s (-want +got):\n%s", s.who(), s.Channel(), diff)
	}
	return m
}

// ExpectMember takes the next event, which must be a change of that kind of
// that user, and returns it.
func (s *Subscription) ExpectMember(kind client.ChangeKind, uid string) client.MemberChange {
	s.c.t.Helper()
	m := Next[client.MemberChange](s)
	if m.Kind != kind || m.Member.UID != uid {
		s.c.t.Fatalf("hotsocktest: %s was told on %s that %s was %v, want that %s was %v",
			s.who(), s.Channel(), m.Member.UID, m.Kind, uid, kind)
	}
	return m
}

// ExpectEntry takes the next event, which must be an entry of the storage with
// that key and data (compared as Expect does), and returns it. An entry that
// was cleared has the data nil.
func (s *Subscription) ExpectEntry(key string, data any) client.Entry {
	s.c.t.Helper()
	e := Next[client.Entry](s)
	if diff := diffMessage(key, data, e.Key, e.Data); diff != "" {
		s.c.t.Fatalf("hotsocktest: %s got of the storage of %s (-want +got):\n%s", s.who(), s.Channel(), diff)
	}
	return e
}

// Next takes the next event of the subscription, which must be of the type E,
// and returns it.
func Next[E client.Event](s *Subscription) E {
	s.c.t.Helper()
	ctx, cancel := s.c.s.patient()
	defer cancel()
	event, err := s.Subscription.Next(ctx)
	var zero E
	if err != nil {
		s.c.t.Fatalf("hotsocktest: %s got nothing on %s within %v (Options.Patience), want a %T: %v", s.who(), s.Channel(), s.c.s.o.Patience, zero, err)
	}
	e, ok := event.(E)
	if !ok {
		s.c.t.Fatalf("hotsocktest: %s got on %s a %s, want a %T", s.who(), s.Channel(), show(event), zero)
	}
	return e
}

// ExpectNone fails the test if there are events that were not expected.
// Everything counts that has happened on the channel by now, on any node. In a
// bubble it waits until nothing moves any more. Otherwise it publishes a message
// with the event "hotsocktest.mark", which other subscribers get too, to see that
// everything before it has come. That needs a store that can be used.
func (s *Subscription) ExpectNone() {
	s.c.t.Helper()
	for _, event := range s.rest() {
		s.c.t.Errorf("hotsocktest: %s got on %s: %s", s.who(), s.Channel(), show(event))
	}
}

// markEvent is the event of messages that show how far a client has come.
const markEvent = "hotsocktest.mark"

func (s *Subscription) rest() []client.Event {
	s.c.t.Helper()
	ctx, cancel := s.c.s.patient()
	defer cancel()
	mark := ""
	if s.c.s.bubble {
		s.c.s.rest()
		cancel() // So Next does not wait.
	} else {
		mark = s.c.s.mark(s.Channel())
	}
	var events []client.Event
	for {
		event, err := s.Subscription.Next(ctx)
		if s.c.s.bubble && err != nil {
			return events
		}
		if err != nil {
			s.c.t.Fatalf("hotsocktest: %s does not get what was published on %s to see how far it is: %v", s.who(), s.Channel(), err)
		}
		m, isMessage := event.(client.Message)
		switch {
		case isMessage && m.ID == mark:
			return events
		case isMessage && m.Event == markEvent: // of another check
		default:
			events = append(events, event)
		}
	}
}

// mark publishes a message and returns its id.
func (s *Server) mark(channel string) string {
	s.t.Helper()
	ctx, cancel := s.patient()
	defer cancel()
	var err error
	for _, n := range s.Nodes {
		var p hotsock.PublishResult
		if p, err = n.Handler().Publish(ctx, hotsock.Message{Channel: channel, Event: markEvent}); err == nil {
			return p.ID
		}
	}
	s.t.Fatalf("hotsocktest: cannot publish on %s to see how far clients are: %v", channel, err)
	return ""
}

// who is the client in a failure.
func (s *Subscription) who() string {
	if uid := s.User().UID; uid != "" {
		return uid
	}
	return "the client"
}

// show describes an event.
func show(event client.Event) string {
	switch e := event.(type) {
	case client.Message:
		return fmt.Sprintf("message %s %s", e.Event, orNull(e.Data))
	case client.Update:
		return fmt.Sprintf("update of message %s to version %d: %s", e.MessageID, e.Version, orNull(e.Data))
	case client.Deletion:
		return "deletion of message " + e.MessageID
	case client.Reaction:
		return fmt.Sprintf("reaction %q to %s (removed: %t)", e.Reaction, e.MessageID, e.Removed)
	case client.MemberChange:
		return fmt.Sprintf("change of members: %s was %v", e.Member.UID, e.Kind)
	case client.Entry:
		return fmt.Sprintf("storage entry %s %s", e.Key, orNull(e.Data))
	case client.Gap:
		return fmt.Sprintf("gap after %q: what came since was too long ago or too much, or the token's historyStart does not permit it", e.After)
	}
	return fmt.Sprintf("%T", event)
}

func orNull(data json.RawMessage) string {
	const enough = 1000 // to know it by
	switch {
	case len(data) == 0:
		return "null"
	case len(data) > enough:
		return fmt.Sprintf("%s… (%d bytes)", data[:enough], len(data))
	}
	return string(data)
}
