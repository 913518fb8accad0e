package socket

import (
	"sync"
	"testing"
)

// Two things that happen at the same moment are ordered by nothing but the lock in
// question, and so the race detector tells when it is gone; where many happen, other
// locks hide that.
func TestTwoAtOnce(t *testing.T) {
	for what, two := range map[string]func(c *Conn, f *Flusher) (a, b func()){
		"room is asked for, is taken": func(c *Conn, _ *Flusher) (a, b func()) {
			return func() { c.Room() }, func() { c.SendAll([]Frame{textFrame("1")}) }
		},
		"a Flusher is given a frame, is closed": func(c *Conn, f *Flusher) (a, b func()) {
			return func() { c.Send(textFrame("1")) }, f.Close
		},
	} {
		t.Run(what, func(t *testing.T) {
			for range 10 {
				f := new(Flusher)
				t.Cleanup(f.Close)
				c, _ := pair(t, Options{Flusher: f})
				a, b := two(c, f)
				var both sync.WaitGroup
				both.Go(a)
				both.Go(b)
				both.Wait()
			}
		})
	}
}
