package hotsock

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

// A safeObserver tells the host's observer of operations, and survives its
// panics.
type safeObserver struct {
	observer Observer // nil for none
	logger   *slog.Logger
}

// on reports whether there is an observer, so that nothing is done for one in
// vain.
func (s *safeObserver) on() bool { return s.observer != nil }

// begin tells the observer, which there is, of an operation.
func (s *safeObserver) begin(ctx context.Context, o *Operation) (out context.Context) {
	defer func() {
		if s.panicked(recover()) || out == nil {
			out = ctx
		}
	}()
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	return s.observer.Begin(ctx, o)
}

// end is what must follow.
func (s *safeObserver) end(ctx context.Context, o *Operation, err error) {
	defer func() { s.panicked(recover()) }()
	o.Duration, o.Err = time.Since(o.Start), err
	s.observer.End(ctx, o)
}

func (s *safeObserver) panicked(p any) bool {
	if p != nil {
		s.logger.Error("hotsock: the observer panicked", "panic", p, "stack", string(debug.Stack()))
	}
	return p != nil
}

// beginPublish is begin for something that somebody wants accepted.
func (s *safeObserver) beginPublish(ctx context.Context, who *source, o *Operation) context.Context {
	o.Kind, o.Trigger, o.ConnectionID = OperationPublish, who.Trigger, who.ConnectionID
	ctx = s.begin(ctx, o)
	size := 0
	for k, v := range o.Trace {
		size += len(k) + len(v)
	}
	if size > maxTrace {
		o.Trace = nil
	}
	return ctx
}

func (s *safeObserver) endPublish(ctx context.Context, o *Operation, out publishResult, err error) {
	if !out.id.IsZero() {
		o.MessageID = out.id.String()
	}
	s.end(ctx, o, err)
}

// connectionEnded reports a connection that has ended.
func (s *safeObserver) connectionEnded(ctx context.Context, c *connection, reason closeReason) {
	if !s.on() {
		return
	}
	o := &Operation{Kind: OperationConnection, Name: reason.name(), ConnectionID: c.id, Start: c.connected}
	s.end(s.begin(ctx, o), o, nil)
}
