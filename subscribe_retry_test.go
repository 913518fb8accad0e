package hotsock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// aliasing is a rig's options, a subscribe token that gives channel a the alias
// "x" and is signed with a key that is looked up, and whether that fails.
func aliasing(t *testing.T) (o Options, token string, lookupFails *atomic.Bool) {
	t.Helper()
	token = tokenSign(t, Claims{
		Scope: ScopeSubscribe, UID: "ann",
		Channels: map[string]ChannelClaims{"a": {Subscribe: Allow, Alias: "x"}},
	}, tokenHS256)
	lookupFails = new(atomic.Bool)
	o.KeyLookup = func(context.Context, string, string) ([]Key, error) {
		if lookupFails.Load() {
			return nil, errors.New("the keys cannot be had")
		}
		return []Key{tokenHS256.Key()}, nil
	}
	return o, token, lookupFails
}

// A subscribe whose token cannot be verified for the time being is kept, as one
// that the store cannot take.
func TestSubscribeWhileKeysCannotBeHad(t *testing.T) {
	o, token, fails := aliasing(t)
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		fails.Store(true)
		c.Do(`{"event":"hotsock.subscribe","channel":"x","data":{"token":"`+token+`"},"ref":"1"}`, "UNAVAILABLE")
		time.Sleep(30 * time.Second)
		fails.Store(false)
		if m := c.Expect("hotsock.subscribed"); m.Channel != "a" || m.Ref != "1" {
			t.Errorf("told %v", m)
		}
		c.Do(`{"event":"hotsock.unsubscribe","channel":"x"}`, "hotsock.unsubscribed")
		time.Sleep(time.Minute) // Nothing of it is left that would begin again.
		wantCounts(r, map[string]int{"a": 0})
	})
}

// What was put off can be given up by the name that it was asked for by.
func TestGiveUpByAliasOfToken(t *testing.T) {
	o, token, fails := aliasing(t)
	for name, away := range map[string]func(r *rig, away bool){
		"the store is away":      func(r *rig, away bool) { r.s.setDown(away) },
		"the keys cannot be had": func(_ *rig, away bool) { fails.Store(away) },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, o, func(t *testing.T, r *rig) {
				c := r.connect("ann")
				away(r, true)
				c.Do(`{"event":"hotsock.subscribe","channel":"x","data":{"token":"`+token+`"}}`, "UNAVAILABLE")
				c.Send(`{"event":"hotsock.unsubscribe","channel":"x","ref":"1"}`)
				if m := c.Expect("hotsock.unsubscribed"); m.Ref != "1" {
					t.Errorf("told %v", m)
				}
				away(r, false)
				time.Sleep(time.Minute)
				wantCounts(r, map[string]int{"a": 0})
			})
		})
	}
}

// While the keys cannot be had, every text might be a token. A client that makes
// up many takes no more memory than what may wait, and no log.
func TestMadeUpTokensWhileKeysCannotBeHad(t *testing.T) {
	var log bytes.Buffer
	o, _, fails := aliasing(t)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	lookUp, lookups := o.KeyLookup, 0
	o.KeyLookup = func(ctx context.Context, id, algorithm string) ([]Key, error) {
		lookups++
		return lookUp(ctx, id, algorithm)
	}
	// The longest that is looked at.
	junk := tokenRaw(`{"alg":"HS256"}`, strings.Repeat("x", 5<<10))
	junk = junk[:len(junk)-4] + "AAAA"
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		fails.Store(true)
		answers := make(map[string]int)
		const sent = 2000
		for i := range sent {
			c.Send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"c%d","data":{"token":%q}}`, i, junk))
			answers[c.Next().Name()]++
		}
		kept := answers["UNAVAILABLE"]
		if kept < 100 || kept > maxRetryBytes/len(junk) || kept+answers["RATE_LIMITED"] != sent {
			t.Errorf("answers %v: more than %d bytes wait", answers, maxRetryBytes)
		}
		if lookups > kept+10 {
			t.Errorf("%d lookups for %d that wait", lookups, kept)
		}
		c.Send(`{"event":"hotsock.subscribe","channel":"free"}`)
		c.Expect("hotsock.subscribed") // What needs no token is not in the way.
		time.Sleep(10 * time.Second)
		if lines := strings.Count(log.String(), "\n"); lines > 5 {
			t.Errorf("%d lines of log:\n%.1000s", lines, log.String())
		}
		fails.Store(false)
		for range kept {
			c.Expect("INVALID_SUBSCRIBE_TOKEN")
		}
		if lines := strings.Count(log.String(), "\n"); lines > 10 {
			t.Errorf("%d lines of log:\n%.1000s", lines, log.String())
		}
	})
}
