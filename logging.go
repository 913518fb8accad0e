package hotsock

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A boundedLog tells every wrong a few times and then only that there was more
// of it, since what one client does, or a store that is away, makes the same
// line again and again. What is said on the level debug is not bounded. Long
// values, such as the path of a stranger's request, are cut.
type boundedLog struct {
	slog.Handler
	lines *logLines
}

// logLines counts what was logged, by the message. These are texts of this
// package, so there are few.
type logLines struct {
	mu        sync.Mutex
	byMessage map[string]*lineCount
}

// A lineCount is of the lines with one message.
type lineCount struct {
	since   time.Time // when the present interval began
	passed  int       // in it
	omitted int       // since the last that passed
}

// bounded returns a logger that writes to l.
func bounded(l *slog.Logger) *slog.Logger {
	return slog.New(&boundedLog{l.Handler(), &logLines{byMessage: make(map[string]*lineCount)}})
}

// Handle implements [slog.Handler].
func (b *boundedLog) Handle(ctx context.Context, r slog.Record) error {
	r = short(r)
	if r.Level >= slog.LevelInfo {
		omitted, pass := b.lines.pass(r.Message, r.Time)
		if !pass {
			return nil
		}
		if omitted > 0 {
			r.AddAttrs(slog.Int("omitted", omitted))
		}
	}
	return b.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (b *boundedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs = slices.Clone(attrs)
	for i, a := range attrs {
		attrs[i] = shortAttr(a)
	}
	return &boundedLog{b.Handler.WithAttrs(attrs), b.lines}
}

// WithGroup implements [slog.Handler].
func (b *boundedLog) WithGroup(name string) slog.Handler {
	return &boundedLog{b.Handler.WithGroup(name), b.lines}
}

// pass counts a line, and reports whether it may be written; then omitted is how
// many were not since the last that was.
func (l *logLines) pass(message string, now time.Time) (omitted int, pass bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.byMessage[message]
	if t == nil {
		t = new(lineCount)
		l.byMessage[message] = t
	}
	if now.Sub(t.since) >= logInterval {
		t.since, t.passed = now, 0
	}
	if t.passed >= maxLogLines {
		t.omitted++
		return 0, false
	}
	t.passed++
	omitted, t.omitted = t.omitted, 0
	return omitted, true
}

// short returns a record of its own, in which all values are short.
func short(r slog.Record) slog.Record {
	s := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		s.AddAttrs(shortAttr(a))
		return true
	})
	return s
}

// shortAttr cuts the texts of strings and errors. Stacks are bounded by the runtime.
func shortAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	text := ""
	switch v.Kind() {
	case slog.KindString:
		text = v.String()
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			text = err.Error()
		}
	}
	if len(text) > maxLogged && a.Key != "stack" {
		a.Value = slog.StringValue(toUTF8(text[:maxLogged]) + "…")
	}
	return a
}
