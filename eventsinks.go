package hotsock

import (
	"context"
	"errors"
)

// EventSinks makes several sinks one, for [Options.Events]. There each of them
// is called by a goroutine of its own from a queue of its own, as an only sink
// would be: one that is slow, fails or panics takes nothing from the others. A
// nil among them is left out.
//
// It has a method Unwrap() []EventSink, for those who put something around each.
// Who calls its HandleEvent directly calls them one after the other, and gets
// their errors joined.
func EventSinks(sinks ...EventSink) EventSink {
	var all eventSinks
	for _, s := range sinks {
		all = flatten(all, s)
	}
	return all
}

type eventSinks []EventSink

// Unwrap is for those who get a sink and do something with each that it
// consists of.
func (s eventSinks) Unwrap() []EventSink { return s }

func (s eventSinks) HandleEvent(ctx context.Context, e Event) error {
	var errs []error
	for _, sink := range s {
		errs = append(errs, sink.HandleEvent(ctx, e))
	}
	return errors.Join(errs...)
}

// flatten appends a sink, or the sinks that it consists of.
func flatten(all []EventSink, sink EventSink) []EventSink {
	switch s := sink.(type) {
	case nil:
		return all
	case eventSinks:
		return append(all, s...)
	default:
		return append(all, s)
	}
}
