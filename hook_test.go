package hotsock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

const chat = `{"event":"chat","channel":"room","data":"hi","ref":"r"}`

// publishHook makes options with a hook that a publish is asked for, and a log.
func publishHook(hook func(ctx context.Context, who Requester, p *PublishRequest) error) (o Options, log *bytes.Buffer) {
	log = new(bytes.Buffer) // read when nothing writes
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	o.Hooks.BeforePublish = hook
	return o, log
}

// Whatever a hook does, the client is told one code, the connection goes on, and the
// log says what it was not told.
func TestHooksGoneWrong(t *testing.T) {
	for _, tt := range []struct {
		why  string
		hook func(ctx context.Context, p *PublishRequest) error
		code string
		log  string
	}{
		{"a panic", func(context.Context, *PublishRequest) error { panic("boom") }, "INTERNAL", "boom"},
		{"the end of its goroutine", func(context.Context, *PublishRequest) error { runtime.Goexit(); return nil }, "INTERNAL", "ended its goroutine"},
		{"an error of another kind", func(context.Context, *PublishRequest) error { return errors.New("no rows") }, "INTERNAL", "no rows"},
		{"no code", func(context.Context, *PublishRequest) error { return &Error{Message: "forgotten"} }, "INTERNAL", "forgotten"},
		{"no valid code", func(context.Context, *PublishRequest) error { return &Error{Code: "not nice"} }, "INTERNAL", "not nice"},
		{"a code that is too long", func(context.Context, *PublishRequest) error { return &Error{Code: Code(strings.Repeat("X", 65))} }, "INTERNAL", "XXX"},
		{"a nil *Error", func(context.Context, *PublishRequest) error { var e *Error; return e }, "INTERNAL", "nil *Error"},
		{"a code of its own, wrapped", func(context.Context, *PublishRequest) error {
			return fmt.Errorf("because: %w", &Error{Code: "RUDE_2"})
		}, "RUDE_2", ""},
		{"data that is not JSON", func(_ context.Context, p *PublishRequest) error { p.Data = json.RawMessage(`{"a":`); return nil }, "INTERNAL", "is not valid"},
		{"empty data", func(_ context.Context, p *PublishRequest) error { p.Data = json.RawMessage{}; return nil }, "INTERNAL", "is not valid"},
		{"two values", func(_ context.Context, p *PublishRequest) error { p.Data = json.RawMessage(`1 2`); return nil }, "INTERNAL", "is not valid"},
		{"too much data", func(_ context.Context, p *PublishRequest) error {
			p.Data = json.RawMessage(`"` + strings.Repeat("x", 32<<10) + `"`)
			return nil
		}, "INTERNAL", "is not valid"},
		{"half a second", func(_ context.Context, p *PublishRequest) error { p.Store = time.Second / 2; return nil }, "INTERNAL", "Store must be"},
		{"a long id", func(_ context.Context, p *PublishRequest) error {
			p.DeduplicationID = strings.Repeat("x", 129)
			return nil
		}, "INTERNAL", "deduplicationId"},
		{"time it does not have", func(ctx context.Context, _ *PublishRequest) error { <-ctx.Done(); return ctx.Err() }, "UNAVAILABLE", "Options.Hooks.BeforePublish: "},
		{"a store that is away", func(context.Context, *PublishRequest) error { return unavailable(store.ErrUnavailable) }, "UNAVAILABLE", "did not decide"},
		{"another channel and event, in vain", func(_ context.Context, p *PublishRequest) error { p.Channel, p.Event = "other", "other"; return nil }, "", ""},
		{"metadata and data in place", func(_ context.Context, p *PublishRequest) error { clear(p.Data); p.Data = nil; return nil }, "", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var good atomic.Bool
			o, log := publishHook(func(ctx context.Context, who Requester, p *PublishRequest) error {
				if good.Load() {
					return nil
				}
				clear(who.UMD)
				return tt.hook(ctx, p)
			})
			inRig(t, o, func(t *testing.T, r *rig) {
				c := r.connect("ann")
				c.Subscribe("room")
				switch {
				case tt.code == "":
					c.Send(chat) // and echoes it
					c.Expect("chat")
					c.Expect("hotsock.ack")
				default:
					if m := c.Do(chat, tt.code); m.Channel != "room" || m.Ref != "r" {
						t.Errorf("told %v", m)
					}
				}
				good.Store(true)
				c.Send(chat)
				c.Expect("chat")
				c.Expect("hotsock.ack")
				if r.h.ready.at.Load() == nil {
					t.Error("the store is taken to be away")
				}
			})
			if !strings.Contains(log.String(), tt.log) {
				t.Errorf("the log does not have %q:\n%s", tt.log, log)
			}
		})
	}
}

// A hook that ignores its context holds its client up for Timeout, and no other
// client at all; what it returns then is dropped.
func TestSlowHook(t *testing.T) {
	var release, returned chan struct{} // of the bubble
	o, _ := publishHook(func(_ context.Context, who Requester, p *PublishRequest) error {
		if who.UID == "ann" && string(p.Data) == `"hi"` {
			<-release
			p.Data = json.RawMessage(`"late"`)
			close(returned)
		}
		return nil
	})
	o.Hooks.Timeout = 2 * time.Second
	inRig(t, o, func(t *testing.T, r *rig) {
		release, returned = make(chan struct{}), make(chan struct{})
		ann, bob := r.connect("ann"), r.connect("bob")
		ann.Subscribe("room")
		bob.Subscribe("room")
		start := time.Now()
		ann.Send(chat)
		// Not read before the hook is over.
		go func() { _ = ann.TrySend(`{"event":"chat","channel":"room","data":"then","ref":"2"}`) }()
		synctest.Wait()
		bob.Send(chat)
		bob.Expect("chat")
		bob.Expect("hotsock.ack")
		if waited := time.Since(start); waited != 0 {
			t.Errorf("another client waited for %v", waited)
		}
		ann.Expect("chat")
		ann.Expect("UNAVAILABLE")
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("it waited for %v", waited)
		}
		if m := ann.Expect("chat"); string(m.Data) != `"then"` { // in order
			t.Errorf("told %v", m)
		}
		ann.Expect("hotsock.ack")
		if running, late := r.h.hooks.counts(); running != 1 || late != 1 {
			t.Errorf("%d calls run, %d of them late", running, late)
		}
		close(release)
		<-returned
		synctest.Wait()
		if running, late := r.h.hooks.counts(); running != 0 || late != 0 {
			t.Errorf("%d calls run, %d of them late", running, late)
		}
		if m := bob.Expect("chat"); string(m.Data) != `"then"` {
			t.Errorf("told %v", m)
		}
		bob.ExpectNothing()
	})
}

func (h *hookCaller) counts() (running, late int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running, h.late
}

// Hooks that never return do not pile up: beyond a number they are not called.
func TestHooksThatHang(t *testing.T) {
	var release chan struct{} // of the bubble
	var calls atomic.Int64
	o, _ := publishHook(func(context.Context, Requester, *PublishRequest) error {
		calls.Add(1)
		<-release
		return nil
	})
	o.Hooks.Timeout = time.Millisecond
	inRig(t, o, func(t *testing.T, r *rig) {
		release = make(chan struct{})
		c := r.connect("ann")
		c.Subscribe("room")
		for range maxLateHooks + 3 {
			c.Do(chat, "UNAVAILABLE")
		}
		if n := calls.Load(); n != maxLateHooks {
			t.Errorf("%d calls", n)
		}
		close(release)
		synctest.Wait()
		c.Send(chat)
		c.Expect("chat")
		c.Expect("hotsock.ack")
	})
}

// A handler that stops does not wait for a hook that ignores its context, and ends the
// context of one that does not.
func TestStopWithHooks(t *testing.T) {
	var release chan struct{} // of the bubble
	o, log := publishHook(func(ctx context.Context, who Requester, _ *PublishRequest) error {
		if who.UID == "ann" {
			<-release
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
	o.Hooks.Timeout = time.Hour
	inRig(t, o, func(t *testing.T, r *rig) {
		release = make(chan struct{})
		for _, uid := range []string{"ann", "bob"} {
			c := r.connect(uid)
			c.Subscribe("room")
			c.Send(chat)
		}
		synctest.Wait()
		start := time.Now()
		if err := r.h.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		close(release)
	})
	if !strings.Contains(log.String(), "running=1") {
		t.Errorf("the log does not say that a hook goes on:\n%s", log)
	}
}

// What is over the rate limit is not asked for.
func TestHooksAreAskedWithinRateLimit(t *testing.T) {
	var asked atomic.Int64
	o, _ := publishHook(func(context.Context, Requester, *PublishRequest) error { asked.Add(1); return nil })
	o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
		asked.Add(1)
		return nil, nil
	}
	o.ConnectionRateLimit = RateLimit{PerSecond: 0.1, Burst: 2}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("room")
		c.Send(chat)
		c.Expect("chat")
		c.Expect("hotsock.ack")
		c.Do(chat, "RATE_LIMITED")
		c.Do(`{"event":"hotsock.subscribe","channel":"other"}`, "RATE_LIMITED")
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		c.Expect("hotsock.subscribed") // by itself, when the limit allows
		if n := asked.Load(); n != 3 {
			t.Errorf("asked %d times", n)
		}
	})
}
