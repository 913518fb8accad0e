package hotsock

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// TestExpiryIsSpread has clients connect at nearly the same time, as they do after a
// restart: they do not come back together when their connections expire, and each was
// told when that is.
func TestExpiryIsSpread(t *testing.T) {
	const (
		count = 300
		life  = 2 * time.Hour
	)
	inRig(t, Options{MaxConnectionDuration: life, IdleTimeout: 3 * time.Hour}, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		var ends []time.Duration
		var clients sync.WaitGroup
		start, dial := time.Now(), r.dial()
		dial.Patience = 2 * life
		for range count {
			c := wstest.Dial(t, r.url("ann"), dial)
			connected := c.Expect("hotsock.connected")
			told, err := time.Parse(time.RFC3339, connected.Member("connectionExpiresAt").(string))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			clients.Go(func() {
				c.ExpectClose(websocket.StatusGoingAway, "")
				if off := time.Since(told); off < 0 || off > time.Second {
					t.Errorf("closed %v after it was said to be", off)
				}
				if lived := time.Since(began); lived > life || lived < life-life/earlier-time.Second {
					t.Errorf("closed after %v", lived)
				}
				mu.Lock()
				defer mu.Unlock()
				ends = append(ends, time.Since(start))
			})
			time.Sleep(9 * time.Millisecond)
		}
		clients.Wait()
		if most := mostWithin(ends, time.Minute); most > 3*count/12 {
			t.Errorf("%d of %d end within a minute", most, count)
		}
	})
}

// mostWithin returns how many of the times are within the given one at the most.
func mostWithin(times []time.Duration, d time.Duration) (most int) {
	slices.Sort(times)
	for i, from := range times {
		n, _ := slices.BinarySearch(times[i:], from+d)
		most = max(most, n)
	}
	return most
}

// TestShutdownIsSpread closes the connections of a node: clients that come back at once
// arrive at the other nodes one after the other.
func TestShutdownIsSpread(t *testing.T) {
	const count = 300
	for _, row := range []struct {
		why  string
		time time.Duration // of the context
		want time.Duration // from the first close to the last
	}{
		{"time enough: a thousand a second", time.Minute, count * time.Millisecond},
		{"little time: within half of it", 200 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				var mu sync.Mutex
				var ends []time.Duration
				var clients sync.WaitGroup
				start := time.Now()
				for range count {
					c := r.connect("ann")
					clients.Go(func() {
						c.ExpectClose(websocket.StatusGoingAway, "")
						mu.Lock()
						defer mu.Unlock()
						ends = append(ends, time.Since(start))
					})
				}
				ctx, cancel := context.WithTimeout(t.Context(), row.time)
				defer cancel()
				if err := r.h.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				clients.Wait()
				most := mostWithin(ends, row.want/10)
				if took := ends[count-1] - ends[0]; took < row.want*9/10 || took > row.want*11/10 || most > count/5 {
					t.Errorf("closed within %v, %d of them in a tenth of it; want %v", took, most, row.want)
				}
			})
		})
	}
}

// TestSpread: how long closing takes depends on how many there are and on how much time
// there is.
func TestSpread(t *testing.T) {
	for _, row := range []struct {
		why   string
		count int
		time  time.Duration // of the context, 0 for no deadline
		want  time.Duration
	}{
		{"few", 100, 0, 100 * time.Millisecond},
		{"as many as the time without a deadline is for", 20_000, 0, drainTime},
		{"more go faster", 100_000, 0, drainTime},
		{"half of the time is left for the rest", 20_000, 30 * time.Second, 15 * time.Second},
		{"a long deadline makes nobody wait", 1000, time.Hour, time.Second},
		{"a late deadline is made use of", 100_000, 5 * time.Minute, 100 * time.Second},
		{"a deadline that has passed", 1000, -time.Second, 0},
	} {
		ctx, cancel := t.Context(), func() {}
		if row.time != 0 {
			ctx, cancel = context.WithTimeout(ctx, row.time)
		}
		if got := spread(ctx, row.count, drainTime); got > row.want || got < row.want-time.Second/10 {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
		cancel()
	}
}
