package hotsocktest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/hotsock-go/hotsock"
)

// Events are the backend events of all nodes. The app's own sink gets them too:
// that of Options.Handler.Events, or one that Options.App adds with
// hotsock.EventSinks.
type Events struct {
	s *Server
	recorder[hotsock.Event]
}

// Expect waits for the next event of the type that was not expected yet, about
// the channel if that is not "", and returns it. The test fails if there is none
// in time.
func (e *Events) Expect(typ, channel string) hotsock.Event {
	e.s.t.Helper()
	ctx, cancel := e.s.patient()
	defer cancel()
	got, err := e.take(ctx, func(v hotsock.Event) bool { return isEvent(v, typ, channel) })
	if err != nil {
		others := e.String()
		if others == "" {
			others = "none (an app that has a sink of its own adds it: hotsock.EventSinks(o.Events, own))"
		}
		e.s.t.Fatalf("hotsocktest: there was no event %s %s; the others are:\n%s", typ, channel, others)
	}
	return got
}

// ExpectNone fails the test if there are such events that were not expected. In a
// bubble it first lets everything happen that happens now. Otherwise it does not
// see what is still on its way, because events come after what they tell of.
func (e *Events) ExpectNone(typ, channel string) {
	e.s.t.Helper()
	e.s.restInBubble()
	for _, v := range e.left(func(v hotsock.Event) bool { return isEvent(v, typ, channel) }) {
		e.s.t.Errorf("hotsocktest: there was an event %s %s: %+v", v.Type, v.Metadata.Channel, v.Data)
	}
}

func isEvent(e hotsock.Event, typ, channel string) bool {
	return e.Type == typ && (channel == "" || e.Metadata.Channel == channel)
}

// String lists the events that were not expected.
func (e *Events) String() string {
	var b strings.Builder
	for _, v := range e.left(func(hotsock.Event) bool { return true }) {
		fmt.Fprintf(&b, "%s %s\n", v.Type, v.Metadata.Channel)
	}
	return b.String()
}

// A sink is one of a node's: the kit's, or one of the app's.
type sink struct {
	hotsock.EventSink

	// dead is a node that was killed: it cannot tell of anything.
	dead *atomic.Bool
}

func (k sink) HandleEvent(ctx context.Context, e hotsock.Event) error {
	if k.dead.Load() {
		return nil
	}
	return k.EventSink.HandleEvent(ctx, e)
}

// sinks are those of one node, each of which the handler calls for itself, as
// it would without the kit.
func (e *Events) sinks(app hotsock.EventSink, dead *atomic.Bool) hotsock.EventSink {
	all := []hotsock.EventSink{hotsock.EventSinkFunc(func(_ context.Context, v hotsock.Event) error {
		e.add(v)
		return nil
	})}
	switch app := app.(type) {
	case nil:
	case interface{ Unwrap() []hotsock.EventSink }:
		all = append(all, app.Unwrap()...)
	default:
		all = append(all, app)
	}
	for i, s := range all {
		all[i] = sink{s, dead}
	}
	return hotsock.EventSinks(all...)
}
