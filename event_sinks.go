package hotsock

import (
	"context"
	"errors"
)

// EventSinks combines several sinks into one, for [Options.Events]. There each of
// them has its own queue and goroutine, as a single sink would: one that is slow,
// fails or panics does not affect the others. A nil among them is left out.
//
// It has a method Unwrap() []EventSink, for code that wraps each of them. A direct
// call of its HandleEvent calls them one after the other, and joins their errors.
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
