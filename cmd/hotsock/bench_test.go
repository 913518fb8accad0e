package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/token"
)

// measure runs a bench, and returns its summary.
func measure(t *testing.T, x *terminal, args ...string) (code int, sum benchSummary) {
	t.Helper()
	code, out, errs := x.run("", append([]string{"bench", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &sum); err != nil || sum.OK != (code == exitOK) {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	return code, sum
}

// TestBench: everything arrives, and is counted.
func TestBench(t *testing.T) {
	_, url := newServer(t)
	x := newTerminal(t, url)
	code, b := measure(t, x, "--connections", "20", "--channels", "4", "--rate", "200", "--duration", "500ms", "--size", "50")
	if code != exitOK || b.Connections.Connected != 20 || b.Published.Scheduled != 100 || b.Published.Accepted != 100 ||
		b.Received.Expected != 500 || b.Received.Distinct != 500 || b.Received.Lost != 0 {
		t.Errorf("exit code %d: %+v", code, b)
	}
	for name, s := range map[string]spread{"connect": b.Connections.Connect, "accept": b.Published.Accept, "latency": b.Latency} {
		if !(s.P50 > 0 && s.P50 <= s.P90 && s.P90 <= s.P99 && s.P99 <= s.P999 && s.P999 <= s.Max) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	text := x.must("", "bench", "--connections", "2", "--channels", "1", "--rate", "50", "--duration", "100ms")
	if !strings.Contains(text, "published    5 of 5") || !strings.Contains(text, "received     10 of 10, 0 lost") {
		t.Errorf("for people it is\n%s", text)
	}
	all := token.Claims{UID: "jim", Channels: map[string]token.ChannelClaims{"load.*": {
		Subscribe: token.Allow, Messages: map[string]token.MessageClaims{"bench": {Broadcast: token.Allow, Publish: token.Allow}},
	}}}
	given := x.with("HOTSOCK_TOKEN", mustSign(t, all))
	if code, b := measure(t, given, "--prefix", "load.", "--connections", "2", "--channels", "2", "--duration", "100ms"); code != exitOK {
		t.Errorf("with a token: %+v", b)
	}
	if code, b := measure(t, given, "--connections", "2", "--channels", "2", "--duration", "100ms"); code != exitFailed || b.Connections.Failed != 2 ||
		!strings.Contains(b.Connections.Error, "SUBSCRIBE_PERMISSION_DENIED") || b.Published.Refused != b.Published.Scheduled {
		t.Errorf("with a token for other channels: %+v", b)
	}
	for _, row := range []struct {
		x    *terminal
		args []string
		code int
	}{
		{x, []string{"--connections", "0"}, exitUsage},
		{x, []string{"--connections", "1000000"}, exitUsage},
		{x, []string{"--channels", "101"}, exitUsage},
		{x, []string{"--rate", "NaN"}, exitUsage},
		{x, []string{"--size", "-1"}, exitUsage},
		{x, []string{"--duration", "0s"}, exitUsage},
		{x.with("HOTSOCK_KEY", testSecret+"!"), nil, exitRefused},
		{x.with("HOTSOCK_URL", "http://127.0.0.1:1/rt"), nil, exitUnreachable},
	} {
		if code, _, errs := row.x.run("", append([]string{"bench"}, row.args...)...); code != row.code {
			t.Errorf("%v: exit code %d: %s", row.args, code, errs)
		}
	}
}

// TestBenchOmitsNothing: while the server stands still, all that was due is late, and
// not only the one message that was being sent.
func TestBenchOmitsNothing(t *testing.T) {
	const pause = 400 * time.Millisecond
	var n atomic.Int64
	_, url := newServer(t, func(o *hotsock.Options) {
		o.Hooks.BeforePublish = func(context.Context, hotsock.Requester, *hotsock.PublishRequest) error {
			if n.Add(1) == 10 {
				await.Pass(pause, "the server stands still")
			}
			return nil
		}
	})
	_, b := measure(t, newTerminal(t, url), "--connections", "1", "--channels", "1", "--rate", "100", "--duration", "1s")
	// A tenth were due in the first quarter of the pause.
	if b.Latency.P90 < 200 || b.Latency.Max < 390 || b.Published.Accept.P90 < 200 {
		t.Errorf("a pause of %v shows as %+v, %+v", pause, b.Latency, b.Published.Accept)
	}
}

// TestBenchUnsent: what a slow server leaves no time for is told.
func TestBenchUnsent(t *testing.T) {
	_, url := newServer(t, func(o *hotsock.Options) {
		o.Hooks.BeforePublish = func(context.Context, hotsock.Requester, *hotsock.PublishRequest) error {
			await.Pass(20*time.Millisecond, "a slow app")
			return nil
		}
	})
	code, b := measure(t, newTerminal(t, url), "--connections", "1", "--channels", "1", "--rate", "500", "--duration", "300ms")
	if p := b.Published; code != exitFailed || p.Scheduled != 150 || p.Unsent < 50 || p.Accepted+p.Unsent != p.Scheduled || b.Received.Lost != 0 {
		t.Errorf("exit code %d: %+v", code, b)
	}
}

// TestBenchLost: what is accepted and does not come is lost.
func TestBenchLost(t *testing.T) {
	var n atomic.Int64
	_, url := newServer(t, func(o *hotsock.Options) {
		o.Hooks.BeforePublish = func(_ context.Context, _ hotsock.Requester, p *hotsock.PublishRequest) error {
			p.TakenOver = n.Add(1)%10 == 0
			return nil
		}
	})
	code, b := measure(t, newTerminal(t, url), "--connections", "2", "--channels", "1", "--rate", "200", "--duration", "200ms", "--timeout", "1s")
	if code != exitFailed || b.Published.Accepted != 40 || b.Received.Lost != 8 || b.Received.Distinct != 72 {
		t.Errorf("exit code %d: %+v", code, b)
	}
}

// TestBenchInterrupted: Ctrl-C leaves the figures of what was done.
func TestBenchInterrupted(t *testing.T) {
	rt, url := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for rt.Stats().Connections < 3 {
			if !sleepUntil(ctx, time.Now().Add(time.Millisecond)) {
				return
			}
		}
		sleepUntil(ctx, time.Now().Add(300*time.Millisecond))
		cancel()
	}()
	code, out, errs := newTerminal(t, url).runWithin(ctx, "", "bench", "--json", "--connections", "2", "--channels", "1", "--duration", "1h")
	var b benchSummary
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != exitOK || b.Published.Scheduled > 10_000 || b.Published.Accepted != b.Published.Scheduled {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, errs)
	}
}

// TestSequence: what is lost, doubled and out of order.
func TestSequence(t *testing.T) {
	for _, row := range []struct {
		why                          string
		numbers                      []int64
		distinct, doubled, reordered int64
	}{
		{"in order", []int64{0, 1, 2, 3}, 4, 0, 0},
		{"a hole", []int64{0, 2, 3}, 3, 0, 0},
		{"doubled", []int64{0, 1, 1, 0, 2}, 3, 2, 0},
		{"swapped", []int64{0, 2, 1, 3}, 4, 0, 1},
		{"swapped and doubled", []int64{1, 0, 0}, 2, 1, 1},
		{"the same place in the window", []int64{0, window, 2 * window, window + 1}, 4, 0, 1},
		{"a place that was taken before", []int64{1, window + 2, window + 1}, 3, 0, 1},
		{"far ahead", []int64{0, 100 * window, 100*window - 1}, 3, 0, 1},
		{"too old to tell", []int64{2 * window, 0}, 1, 0, 1},
		{"no number of ours", []int64{-1, 0}, 1, 0, 1},
	} {
		s := newSequence()
		for _, n := range row.numbers {
			s.add(n)
		}
		if d, o, r := s.distinct.Load(), s.doubled.Load(), s.reordered.Load(); d != row.distinct || o != row.doubled || r != row.reordered {
			t.Errorf("%s: %d distinct, %d doubled, %d reordered", row.why, d, o, r)
		}
	}
}

// TestHistogram: quantiles are at most a bucket too great, and never too small.
func TestHistogram(t *testing.T) {
	var h histogram
	if h.quantile(.5) != 0 {
		t.Error("nothing has a median")
	}
	const n = 10_000
	for _, i := range rand.Perm(n) {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	for _, q := range []float64{.001, .5, .9, .99, .999, 1} {
		exact := time.Duration(q*n) * time.Microsecond
		if got := h.quantile(q); got < exact || got > exact+exact/64+1 {
			t.Errorf("%v: %v, want %v", q, got, exact)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1, 127, 128, 1<<63 - 1} {
		if i := bucketOf(uint64(max(d, 0))); topOf(i) < d || i > 0 && topOf(i-1) >= max(d, 0) {
			t.Errorf("%d is in bucket %d, whose top is %d", d, i, topOf(i))
		}
	}
}
