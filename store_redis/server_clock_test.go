package storeredis

import (
	"testing"
	"time"
)

// TestClockIsNeverAhead: a deadline made from the estimate must not be later on
// the server than it is here.
func TestClockIsNeverAhead(t *testing.T) {
	var c clock
	at := time.Now()
	if _, ok := c.server(at); ok {
		t.Error("a clock that was never seen tells the time")
	}
	c.saw(1000, at, false)
	c.saw(1090, at.Add(100*time.Millisecond), false) // A slow reply: it says less.
	if ms, _ := c.server(at.Add(100 * time.Millisecond)); ms != 1100 {
		t.Errorf("after a slow reply: %d, want the better bound 1100", ms)
	}
	c.saw(1250, at.Add(200*time.Millisecond), false)
	if ms, _ := c.server(at.Add(200 * time.Millisecond)); ms != 1250 {
		t.Errorf("after a quick reply: %d, want 1250", ms)
	}
	c.saw(500, at.Add(300*time.Millisecond), true)
	if ms, _ := c.server(at.Add(300 * time.Millisecond)); ms != 500 {
		t.Errorf("after the server refused: %d, want its time 500", ms)
	}
}

func TestClockRemembersGaps(t *testing.T) {
	const longest = time.Second
	start := time.Now()
	for _, row := range []struct {
		why   string
		after []time.Duration // since the start
		jump  int64           // of the last reply, in ms
		want  time.Duration
	}{
		{"no reply is no time at all", nil, 0, 0},
		{"regular replies", []time.Duration{0, 500 * time.Millisecond, time.Second}, 0, time.Second},
		{"a gap restarts the time", []time.Duration{0, 3 * time.Second, 3500 * time.Millisecond}, 0, 500 * time.Millisecond},
		{"short gaps do not hide a long one", []time.Duration{
			0, 3 * time.Second, 3200 * time.Millisecond, 3300 * time.Millisecond, 3400 * time.Millisecond,
		}, 0, 400 * time.Millisecond},
		{"a clock that jumps restarts it", []time.Duration{0, 500 * time.Millisecond}, 5000, 0},
	} {
		var c clock
		for i, d := range row.after {
			ms := int64(1e12) + d.Milliseconds()
			if i == len(row.after)-1 {
				ms += row.jump
			}
			c.accepted(ms, start.Add(d))
		}
		if got := c.steadyFor(longest); got != row.want {
			t.Errorf("%s: steady for %v, want %v", row.why, got, row.want)
		}
	}
}

// TestClockTellsJumps: whoever reads the log learns that a clock was set, or that
// the server which is master now has another one.
func TestClockTellsJumps(t *testing.T) {
	var c clock
	start := time.Now()
	c.accepted(1_000_000, start)
	if jump := c.accepted(1_000_500, start.Add(500*time.Millisecond)); jump != 0 {
		t.Errorf("a clock that goes on jumped by %v", jump)
	}
	if jump := c.accepted(941_000, start.Add(time.Second)); jump != -time.Minute {
		t.Errorf("a clock that was set back by a minute jumped by %v", jump)
	}
	if jump := c.accepted(1_001_500, start.Add(1500*time.Millisecond)); jump != time.Minute {
		t.Errorf("a clock that was set forward by a minute jumped by %v", jump)
	}
}
