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

// Advance moves the clock of the test's bubble, and returns when everything
// that had to happen until then has happened: messages have expired and
// schedules been carried out, timeouts have ended connections, and clients have
// what they were sent. A day takes about a second with the memory store, and a
// minute does with Redis, for each node: let tests of long times have the memory
// store.
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
	s.settle()
}

func (s *Server) settleInBubble() {
	if s.bubble {
		s.settle()
	}
}

// settle returns when nothing moves in the bubble any more.
func (s *Server) settle() {
	// synctest allows one at a time to wait.
	s.waiting <- struct{}{}
	defer func() { <-s.waiting }()
	synctest.Wait()
}
