package hotsocktest

import (
	"testing/synctest"
	"time"
)

// inBubble reports whether the caller runs in a bubble of testing/synctest.
func inBubble() (in bool) {
	// That Wait panics outside of bubbles is documented, and the only way to ask.
	defer func() { in = recover() == nil }()
	synctest.Wait()
	return
}

// Advance moves the clock of the test's bubble, and returns when everything due
// until then has happened: messages have expired, schedules were carried out,
// timeouts have ended connections, and clients have what they were sent. For each
// node, a day takes about a second with the memory store, and a minute takes about
// a second with Redis: use the memory store in tests of long times.
//
// It fails the test if the Server was not started in a bubble (see the
// package's introduction): the real clock cannot be moved.
func (s *Server) Advance(d time.Duration) {
	s.t.Helper()
	if !s.bubble {
		s.t.Fatal("hotsocktest: Advance needs a clock that can be moved:" +
			" put the test into synctest.Test(t, func(t *testing.T) { … }), and call Start in there")
	}
	time.Sleep(d)
	s.rest()
}

func (s *Server) restInBubble() {
	if s.bubble {
		s.rest()
	}
}

// rest returns when nothing moves in the bubble any more.
func (s *Server) rest() {
	// synctest allows one at a time to wait.
	s.waiting <- struct{}{}
	defer func() { <-s.waiting }()
	synctest.Wait()
}
