package hotsock

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A store that is away is told of a few times, however many commands fail.
func TestLogOfManyFailures(t *testing.T) {
	var log lockedBuffer
	inRig(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.setDown(true)
		fail := func(n int) {
			for range n {
				c.Do(`{"event":"chat","channel":"a"}`, "UNAVAILABLE")
			}
		}
		fail(1000)
		if n := strings.Count(log.String(), "hotsock: unavailable"); n != maxLogLines {
			t.Errorf("%d lines of 1000 failures", n)
		}
		time.Sleep(logInterval)
		fail(1)
		if want := fmt.Sprintf("omitted=%d", 1000-maxLogLines); !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s", want)
		}
		fail(1)
		if n := strings.Count(log.String(), "omitted"); n != 1 {
			t.Errorf("it says %d times that lines were omitted", n)
		}
		r.s.setDown(false)
	})
}

// Messages do not count for each other, whatever the logger adds to them; and
// debugging is not bounded.
func TestLogBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		l := bounded(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		for i := range 3 * maxLogLines {
			l.With("connection", i).WithGroup("g").Warn("one", "n", i)
			l.Error("two")
			l.Debug("three")
		}
		for message, want := range map[string]int{"one": maxLogLines, "two": maxLogLines, "three": 3 * maxLogLines} {
			if n := strings.Count(log.String(), "msg="+message); n != want {
				t.Errorf("%d lines of %s, want %d", n, message, want)
			}
		}
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
