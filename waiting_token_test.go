package hotsock

import (
	"context"
	"errors"
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
		c.send(`{"event":"hotsock.subscribe","channel":"x","data":{"token":"` + token + `"},"ref":"1"}`)
		c.next("UNAVAILABLE")
		time.Sleep(30 * time.Second)
		fails.Store(false)
		if m := c.next("hotsock.subscribed"); m["channel"] != "a" || m["ref"] != "1" {
			t.Errorf("told %v", m)
		}
		c.send(`{"event":"hotsock.unsubscribe","channel":"x"}`)
		c.next("hotsock.unsubscribed")
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
				c.send(`{"event":"hotsock.subscribe","channel":"x","data":{"token":"` + token + `"}}`)
				c.next("UNAVAILABLE")
				c.send(`{"event":"hotsock.unsubscribe","channel":"x","ref":"1"}`)
				if m := c.next("hotsock.unsubscribed"); m["ref"] != "1" {
					t.Errorf("told %v", m)
				}
				away(r, false)
				time.Sleep(time.Minute)
				wantCounts(r, map[string]int{"a": 0})
			})
		})
	}
}
