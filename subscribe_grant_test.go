package hotsock

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// While the hook cannot decide, the subscribe is tried again, and commands go on
// meanwhile; once it has decided, only the store is tried again.
func TestSubscribeHookIsAskedAgain(t *testing.T) {
	const away, decided = 2, 3
	var asked atomic.Int64
	var o Options
	o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
		if asked.Add(1) <= away {
			return nil, &Error{Code: CodeUnavailable, Message: "the database is away"}
		}
		return &ChannelClaims{Subscribe: Allow, Messages: map[string]MessageClaims{"e": {Publish: Allow}}}, nil
	}
	o.Authenticate = func(*http.Request) (*Claims, error) { return &Claims{UID: "ann"}, nil }
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(`{"event":"hotsock.subscribe","channel":"room","ref":"1"}`, "UNAVAILABLE")
		r.s.setDown(true)
		c.Do(`{"event":"hotsock.ping"}`, "hotsock.pong")
		time.Sleep(time.Minute)
		if n := asked.Load(); n != decided {
			t.Errorf("asked %d times, not %d", n, decided)
		}
		r.s.setDown(false)
		if m := c.Expect("hotsock.subscribed"); m.Ref != "1" {
			t.Errorf("told %v", m)
		}
		c.Do(`{"event":"e","channel":"room","ref":"2"}`, "hotsock.ack")
		// The store forgets, and items are lost: the grant stays.
		r.h.resyncs.start("")
		synctest.Wait()
		c.Do(`{"event":"e","channel":"room","ref":"3"}`, "hotsock.ack")
		c.Do(`{"event":"hotsock.subscribe","channel":"room","data":{"after":null}}`, "hotsock.subscribed")
		if n := asked.Load(); n != decided {
			t.Errorf("asked %d times, not %d", n, decided)
		}
		c.Do(`{"event":"hotsock.unsubscribe","channel":"room"}`, "hotsock.unsubscribed")
		c.Do(`{"event":"e","channel":"room","ref":"4"}`, "PUBLISH_PERMISSION_DENIED")
	})
}

// While a hook is asked whether a client may subscribe, others can reach the
// connection, and its end waits for nothing.
func TestSlowSubscribeHook(t *testing.T) {
	var release chan struct{}
	var o Options
	o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
		<-release
		return &ChannelClaims{Subscribe: Allow}, nil
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		release = make(chan struct{})
		c := r.connect("ann")
		c.Send(`{"event":"hotsock.subscribe","channel":"room"}`)
		synctest.Wait()
		start := time.Now()
		if n, err := r.h.UnsubscribeUser(t.Context(), "room", "ann"); n != 0 || err != nil {
			t.Error(n, err)
		}
		conn := r.h.conns.ofUser("ann")[0]
		if n, err := r.h.DisconnectUser(t.Context(), "ann"); n != 1 || err != nil {
			t.Error(n, err)
		}
		synctest.Wait()
		if !conn.hasEnded() || time.Since(start) != 0 {
			t.Errorf("it ends after %v: %t", time.Since(start), conn.hasEnded())
		}
		close(release)
		synctest.Wait()
		if conn.subscription("room") != nil {
			t.Error("it is subscribed after its end")
		}
	})
}

// Claims that are not valid grant nothing.
func TestInvalidGrants(t *testing.T) {
	for why, granted := range map[string]ChannelClaims{
		"no expression":         {Subscribe: Allow, Messages: map[string]MessageClaims{"#regex:(": {}}},
		"no key":                {Subscribe: Allow, Messages: map[string]MessageClaims{"": {}}},
		"no time":               {Subscribe: Allow, Messages: map[string]MessageClaims{"e": {Store: time.Millisecond}}},
		"a boolean and a list":  {Subscribe: Allow, Messages: map[string]MessageClaims{"e": {React: Allow, Reactions: []string{"👍"}}}},
		"its own name as alias": {Subscribe: Allow, Alias: "room"},
		"no name as alias":      {Subscribe: Allow, Alias: "#"},
	} {
		t.Run(why, func(t *testing.T) {
			var o Options
			o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) { return &granted, nil }
			inRig(t, o, func(_ *testing.T, r *rig) {
				c := r.connect("ann")
				c.Do(`{"event":"hotsock.subscribe","channel":"room"}`, "INTERNAL")
				c.Do(chat, "NOT_SUBSCRIBED")
			})
		})
	}
}
