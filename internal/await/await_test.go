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
