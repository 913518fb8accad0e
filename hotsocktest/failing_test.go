package hotsocktest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A failingT is a test that may fail: the kit's checks must be able to.
type failingT struct {
	testing.TB

	mu     sync.Mutex
	failed []string
}

func (f *failingT) Helper() {}

func (f *failingT) Errorf(format string, args ...any) { f.note(fmt.Sprintf(format, args...)) }

func (f *failingT) Fatal(args ...any) {
	f.note(fmt.Sprint(args...))
	runtime.Goexit()
}

func (f *failingT) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

func (f *failingT) note(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, text)
}

// mustFail runs a check that must fail the test that the server is given, with
// a message that has all the parts. It ends as a test ends: by Goexit, perhaps.
func mustFail(t *testing.T, s *Server, check func(t testing.TB), parts ...string) {
	t.Helper()
	f := &failingT{TB: t}
	s.t = f
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(f)
	}()
	<-done
	s.t = t
	text := strings.Join(f.failed, "\n")
	words := strings.Join(strings.Fields(text), " ")
	if text == "" {
		t.Error("the check did not fail")
	}
	for _, part := range parts {
		if !strings.Contains(words, part) {
			t.Errorf("the failure does not say %q:\n%s", part, text)
		}
	}
}
