package hotsock

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

func annsToken(t *testing.T, channels map[string]ChannelClaims) string {
	t.Helper()
	return tokenSign(t, Claims{Scope: ScopeConnect, UID: "ann", Channels: channels}, tokenHS256)
}

func refreshWith(token string) string {
	return fmt.Sprintf(`{"event":"hotsock.refresh","data":{"token":%q},"ref":"f"}`, token)
}

// With the app's own authentication there is nothing to refresh with.
func TestRefreshWithoutTokens(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(refreshWith("x"), "UNAUTHORIZED")
	})
}

// A connection that is refreshed lives on, and ends when the last token's time is over.
func TestRefreshRenews(t *testing.T) {
	refreshable(t, Options{MaxConnectionDuration: 30 * time.Minute, IdleTimeout: 3 * time.Hour}, func(t *testing.T, _ *rig, c *wstest.Conn) {
		start := time.Now()
		time.Sleep(20 * time.Minute)
		f := c.Do(refreshWith(annsToken(t, nil)), "hotsock.refreshed")
		told, err := time.Parse(time.RFC3339, f.Member("connectionExpiresAt").(string))
		if in := told.Sub(start); err != nil || in < 47*time.Minute || in > 50*time.Minute {
			t.Errorf("told %s, want 50 minutes after %v, or up to 3 earlier", f.Text, start)
		}
		c.ExpectClose(websocket.StatusGoingAway, "")
		if off := time.Since(told); off < 0 || off > time.Second {
			t.Errorf("closed %v after it was said to be", off)
		}
	})
}

// A subscribe that waits for the store does not survive a refresh that takes it away.
func TestRefreshWhileSubscribesWait(t *testing.T) {
	refreshable(t, Options{}, func(t *testing.T, r *rig, c *wstest.Conn) {
		r.s.setAway("room", "auto")
		c.Do(refreshWith(annsToken(t, map[string]ChannelClaims{"room": {Subscribe: Allow}, "auto": {AutoSubscribe: Allow}})), "hotsock.refreshed")
		c.Expect("UNAVAILABLE") // of auto
		c.Do(`{"event":"hotsock.subscribe","channel":"room"}`, "UNAVAILABLE")
		c.Do(refreshWith(annsToken(t, nil)), "hotsock.refreshed")
		r.s.setAway()
		c.Expect("SUBSCRIBE_PERMISSION_DENIED")
		time.Sleep(time.Minute) // Nothing of the other is left that would begin.
		c.Do(`{"event":"hotsock.ping"}`, "hotsock.pong")
		wantCounts(r, map[string]int{"room": 0, "auto": 0})
	})
}

// While the hook is asked, others can reach the connection, and its end waits for nothing.
func TestRefreshWhileTheHookDecides(t *testing.T) {
	var decide chan struct{}
	var asked int
	var o Options
	o.Hooks.BeforeConnect = func(context.Context, Requester) error {
		if asked++; asked > 1 {
			<-decide
		}
		return nil
	}
	refreshable(t, o, func(t *testing.T, r *rig, c *wstest.Conn) {
		decide = make(chan struct{})
		c.Send(refreshWith(annsToken(t, nil)))
		synctest.Wait()
		if n, err := r.subscribe("ann", "room", ChannelClaims{}); n != 1 || err != nil {
			t.Error(n, err)
		}
		close(decide)
		c.Expect("hotsock.subscribed")
		// What the app granted stays: the new token does not deny it.
		c.Expect("hotsock.refreshed")
		wantCounts(r, map[string]int{"room": 1})
	})
}

// Refreshes, subscribes of the app and the client, publishes and ends of subscriptions at
// once leave what the last token permits.
func TestRefreshAtOnceWithOthers(t *testing.T) {
	refreshable(t, Options{}, func(t *testing.T, r *rig, c *wstest.Conn) {
		with := annsToken(t, map[string]ChannelClaims{"a": {Subscribe: Allow}, "b": {AutoSubscribe: Allow}})
		without := annsToken(t, map[string]ChannelClaims{"a": {Subscribe: Deny}, "b": {Subscribe: Deny}})
		var work sync.WaitGroup
		const rounds = 50
		work.Go(func() {
			for range rounds {
				_, _ = r.subscribe("ann", "a", ChannelClaims{}) // may be denied
				_, _ = r.h.UnsubscribeUser(t.Context(), "ann", "b")
			}
		})
		work.Go(func() {
			for range rounds {
				if _, err := r.h.Publish(t.Context(), Message{Channel: "a", Event: "e"}); err != nil {
					t.Error(err)
				}
			}
		})
		for range rounds {
			c.Send(`{"event":"hotsock.subscribe","channel":"a"}`)
			c.Send(refreshWith(with))
			c.Send(refreshWith(without))
		}
		work.Wait()
		c.Send(`{"event":"hotsock.ping","ref":"end"}`)
		for ended := false; !ended; {
			ended = c.Next().Ref == "end"
		}
		wantCounts(r, map[string]int{"a": 0, "b": 0})
	})
}

// refreshable runs a test with a connection of ann, whose token permits nothing.
func refreshable(t *testing.T, o Options, f func(t *testing.T, r *rig, c *wstest.Conn)) {
	o.Keys = []Key{tokenHS256.Key()}
	inRig(t, o, func(t *testing.T, r *rig) {
		r.h.opts.Authenticate = nil // the rig's
		f(t, r, wstest.Connect(t, "ws://rig/rt/?token="+annsToken(t, nil), r.dial()))
	})
}
