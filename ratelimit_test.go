package hotsock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"
)

func TestRateLimitDefaults(t *testing.T) {
	for _, tt := range []struct {
		why   string
		given RateLimit
		burst int
		ok    bool
	}{
		{"no limit", RateLimit{}, 0, true},
		{"a second's worth at once", RateLimit{PerSecond: 20}, 20, true},
		{"at least one", RateLimit{PerSecond: 0.1}, 1, true},
		{"rounded up", RateLimit{PerSecond: 1.5}, 2, true},
		{"a burst of its own", RateLimit{PerSecond: 1, Burst: 50}, 50, true},
		{"more than an int holds", RateLimit{PerSecond: math.MaxFloat64}, math.MaxInt32, true},
		{"a burst that never comes back", RateLimit{Burst: 5}, 5, false},
		{"negative", RateLimit{PerSecond: -1}, 0, false},
		{"a negative burst", RateLimit{PerSecond: 1, Burst: -1}, -1, false},
		{"infinite", RateLimit{PerSecond: math.Inf(1)}, math.MaxInt32, false},
		{"not a number", RateLimit{PerSecond: math.NaN()}, 0, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			l := tt.given
			l.setDefaults()
			if l.Burst != tt.burst || l.valid() != tt.ok {
				t.Errorf("%+v, valid %v", l, l.valid())
			}
			o := Options{
				KeyLookup:           func(context.Context, string, string) ([]Key, error) { return nil, nil },
				ConnectionRateLimit: tt.given, UserRateLimit: tt.given,
			}
			o.setDefaults()
			err := o.validate()
			if tt.ok != (err == nil) || !tt.ok && strings.Count(err.Error(), "RateLimit is") != 2 {
				t.Errorf("the options are: %v", err)
			}
		})
	}
}

// What a propagated update of metadata does counts, however much it is.
func TestPropagationCounts(t *testing.T) {
	o := Options{ConnectionRateLimit: RateLimit{PerSecond: 1, Burst: 3}, Keys: []Key{tokenHS256.Key()}}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		const channels = 7
		for i := range channels {
			time.Sleep(3 * time.Second)
			c.Do(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"presence.%d"}`, i), "hotsock.subscribed")
		}
		time.Sleep(time.Minute)
		start := time.Now()
		c.Send(propagate(t, "ann", `"new"`))
		for range channels {
			c.Expect("hotsock.memberUpdated")
		}
		c.Expect("hotsock.ack")
		for {
			c.Send(`{"event":"hotsock.channelStorageGet","channel":"a","key":"k"}`)
			if c.Next().Name() != "RATE_LIMITED" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		// Three at once: the command, and two of the subscriptions.
		if d := time.Since(start); d < (channels-2)*time.Second || d > (channels-1)*time.Second {
			t.Errorf("the next command was allowed after %v", d)
		}
	})
}

func TestConnectionRateLimit(t *testing.T) {
	o := Options{ConnectionRateLimit: RateLimit{PerSecond: 1, Burst: 3}}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		publish := func(n int) {
			c.Send(fmt.Sprintf(`{"event":"chat","channel":"a","data":%d}`, n))
		}
		c.Subscribe("a")
		publish(1)
		c.Expect("chat")
		c.Send(`not JSON`) // counts as well
		c.Expect("INVALID_JSON")
		publish(2)
		if m := c.Expect("RATE_LIMITED"); m.Channel != "a" {
			t.Errorf("the error is of channel %v", m.Channel)
		}
		// What keeps the connection alive is never refused.
		for range 3 {
			c.Send(`{"event":"hotsock.heartbeat"}`)
			c.Send(`{"event":"hotsock.pong"}`)
			c.ExpectNothing()
		}
		c.Do(`{"event":"hotsock.unsubscribe","channel":"b"}`, "NOT_SUBSCRIBED")

		time.Sleep(time.Second)
		publish(3)
		if m := c.Expect("chat"); string(m.Data) != "3" {
			t.Errorf("delivered %v, which was refused", m.Text)
		}
		publish(4)
		c.Expect("RATE_LIMITED")

		// Others are none the worse.
		b := r.connect("bob")
		b.Subscribe("b")
	})
}

func TestLimitedSubscribesCome(t *testing.T) {
	o := Options{ConnectionRateLimit: RateLimit{PerSecond: 1, Burst: 2}}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		for _, channel := range []string{"a", "b", "c", "d", "e"} {
			c.Send(`{"event":"hotsock.subscribe","channel":"` + channel + `","ref":"` + channel + `"}`)
		}
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.subscribed")
		for range 3 {
			c.Expect("RATE_LIMITED")
		}
		c.Do(`{"event":"hotsock.unsubscribe","channel":"d"}`, "hotsock.unsubscribed")
		began := time.Now()
		for _, channel := range []string{"c", "e"} {
			if m := c.Expect("hotsock.subscribed"); m.Channel != channel || m.Ref != channel {
				t.Errorf("got %v, want %s", m, channel)
			}
		}
		if d := time.Since(began); d < time.Second || d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// A subscribe that cannot be permitted is told so, not put off.
func TestLimitedSubscribeIsChecked(t *testing.T) {
	o := Options{ConnectionRateLimit: RateLimit{PerSecond: 1, Burst: 1}, MaxSubscriptions: 2}
	inRig(t, o, func(_ *testing.T, r *rig) {
		c := r.connect("")
		c.Subscribe("a")
		c.Do(`{"event":"hotsock.subscribe","channel":"presence.x"}`, "PRESENCE_CHANNEL_USER_ID_REQUIRED")
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "ALREADY_SUBSCRIBED")
		// Those that wait count as subscriptions.
		c.Do(`{"event":"hotsock.subscribe","channel":"b"}`, "RATE_LIMITED")
		c.Do(`{"event":"hotsock.subscribe","channel":"b"}`, "RATE_LIMITED")
		c.Do(`{"event":"hotsock.subscribe","channel":"c"}`, "RATE_LIMITED")
		c.Expect("hotsock.subscribed") // b
		time.Sleep(time.Minute)
		c.Do(`{"event":"hotsock.unsubscribe","channel":"c"}`, "NOT_SUBSCRIBED")
	})
}

func TestUserRateLimit(t *testing.T) {
	o := Options{UserRateLimit: RateLimit{PerSecond: 0.1, Burst: 2}}
	inRig(t, o, func(_ *testing.T, r *rig) {
		get := `{"event":"hotsock.channelStorageGet","channel":"a","key":"k"}`
		a1, a2, b := r.connect("ann"), r.connect("ann"), r.connect("bob")
		a1.Do(get, "hotsock.channelStorageData")
		a2.Do(get, "hotsock.channelStorageData")
		a1.Do(get, "RATE_LIMITED")
		a2.Do(get, "RATE_LIMITED")
		b.Do(get, "hotsock.channelStorageData")

		// Coming back brings no new burst.
		a1.Close()
		a2.Close()
		synctest.Wait()
		a3 := r.connect("ann")
		a3.Do(get, "RATE_LIMITED")
		time.Sleep(10 * time.Second)
		a3.Do(get, "hotsock.channelStorageData")

		// Who is nobody has no limit.
		n := r.connect("")
		for range 20 {
			n.Do(get, "hotsock.channelStorageData")
		}
	})
}

func TestFloodEnds(t *testing.T) {
	o := Options{ConnectionRateLimit: RateLimit{PerSecond: 1, Burst: 2}}
	inRig(t, o, func(t *testing.T, r *rig) {
		for _, frame := range []string{
			`{"event":"hotsock.ping"}`, // also what is not limited
			`{"event":"chat","channel":"a"}`,
			`{`,
		} {
			c := r.connect("ann")
			answers := make(chan error, 1)
			go func() { answers <- c.Drain() }()
			for range 2 * floodFactor {
				c.Send(frame)
			}
			synctest.Wait()
			c.Send(`{"event":"hotsock.ping"}`)
			err := <-answers
			var ce websocket.CloseError
			if !errors.As(err, &ce) || ce.Code != websocket.StatusPolicyViolation || ce.Reason != reasonFlood.text() {
				t.Errorf("%s: %v", frame, err)
			}
		}
	})
}

func TestThrottlesForgetUsers(t *testing.T) {
	ts := newRateLimiters(RateLimit{}, RateLimit{PerSecond: 0.001, Burst: 1})
	for i := range 10 * maxDepartedUsers {
		uid := fmt.Sprint(i)
		th := ts.open(uid)
		if err := th.take(); err != nil {
			t.Fatal(err)
		}
		ts.close(uid)
	}
	if len(ts.users) != 0 {
		t.Errorf("%d users are held", len(ts.users))
	}
	remembered := 0
	for i := range 10 * maxDepartedUsers {
		if _, ok := ts.departed.Get(fmt.Sprint(10*maxDepartedUsers - 1 - i)); ok {
			remembered++
		}
	}
	if remembered == 0 || remembered > maxDepartedUsers {
		t.Errorf("%d users are remembered", remembered)
	}

	// Who used nothing is not remembered.
	ts.open("idle")
	ts.close("idle")
	if _, ok := ts.departed.Get("idle"); ok {
		t.Error("a user is remembered for nothing")
	}
}

func TestNoLimitCostsNothing(t *testing.T) {
	ts := newRateLimiters(RateLimit{}, RateLimit{})
	if ts != nil || ts.open("ann") != nil {
		t.Fatal("there is a rate limiter without a limit")
	}
	ts.close("ann")
	var th *rateLimiter
	if n := testing.AllocsPerRun(100, func() {
		if !th.tolerates() || th.take() != nil {
			t.Error("refused without a limit")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if th := newRateLimiters(RateLimit{}, RateLimit{PerSecond: 1, Burst: 1}).open(""); th != nil {
		t.Error("who is nobody has a limit of users")
	}
}

func TestRetryIsWhenTheLimitAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := &rateLimiter{own: rate.NewLimiter(0.5, 1)}
		if err := th.take(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		var e *Error
		if err := th.take(); !errors.As(err, &e) || e.retry.Round(time.Millisecond) != 1500*time.Millisecond || retryAfter(e) != 2 {
			t.Fatalf("%v, retry after %v", err, e.retry)
		}
		if !strings.Contains(e.Error(), string(CodeRateLimited)) {
			t.Error(e)
		}
		time.Sleep(e.retry)
		if err := th.take(); err != nil {
			t.Error("refused at the time that was named")
		}
	})
}
