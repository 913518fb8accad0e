package await

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A witness is a test that notes what it is failed with.
type witness struct {
	testing.TB
	said string
}

func (w *witness) Helper() {}

func (w *witness) Fatalf(format string, args ...any) {
	w.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWhile(t *testing.T) {
	for _, row := range []struct {
		why   string
		until time.Duration // it holds
		took  time.Duration
		fails bool
	}{
		{"it holds all the time", time.Hour, time.Second, false},
		{"it never held", 0, 0, true},
		{"it ends", 500 * time.Millisecond, 500*time.Millisecond + looks, true},
		{"it ends at the end", time.Second, time.Second, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, began, done := &witness{}, time.Now(), make(chan struct{})
				go func() {
					defer close(done)
					While(w, time.Second, "it", func() bool { return time.Since(began) < row.until })
				}()
				<-done
				if took := time.Since(began); took > row.took || (!row.fails && took < row.took) {
					t.Errorf("looked for %v, want %v", took, row.took)
				}
				if (w.said != "") != row.fails || row.fails && !strings.HasPrefix(w.said, "it held") {
					t.Errorf("it said %q", w.said)
				}
			})
		})
	}
}

func TestWaits(t *testing.T) {
	for _, row := range []struct {
		why  string
		wait func(w *witness, holds func() bool)
		// in is when the condition begins to hold, took how long is waited at most.
		in, took time.Duration
		fails    bool
	}{
		{"it holds already", func(w *witness, holds func() bool) { That(w, "it", holds) }, 0, 0, false},
		{"soon", func(w *witness, holds func() bool) { That(w, "it", holds) }, 3 * time.Millisecond, 3 * time.Millisecond, false},
		{"late", func(w *witness, holds func() bool) { That(w, "it", holds) }, Patience, Patience + looks, false},
		{"too late", func(w *witness, holds func() bool) { That(w, "it", holds) }, 2 * Patience, Patience + looks, true},
		{"within a limit", func(w *witness, holds func() bool) { Within(w, 2*Patience, "it", holds) }, 2 * Patience, 2*Patience + looks, false},
		{"not within it", func(w *witness, holds func() bool) { Within(w, time.Second, "it", holds) }, 2 * time.Second, time.Second + looks, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, began, done := &witness{}, time.Now(), make(chan struct{})
				go func() {
					defer close(done)
					row.wait(w, func() bool { return time.Since(began) >= row.in })
				}()
				<-done
				took := time.Since(began)
				if took > row.took {
					t.Errorf("waited %v, want at most %v", took, row.took)
				}
				if !row.fails {
					if w.said != "" {
						t.Errorf("failed: %s", w.said)
					}
					return
				}
				for _, want := range []string{"it", took.String()} {
					if !strings.Contains(w.said, want) {
						t.Errorf("%q does not say %s", w.said, want)
					}
				}
			})
		})
	}
}
