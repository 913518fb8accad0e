package hotsock

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// Each way in which a connection may end either leaves the user a member for the grace,
// or does not. Another node says who is a member.
func TestWhoLingers(t *testing.T) {
	const grace = 100 * time.Second
	closes := func(code websocket.StatusCode) func(*testing.T, *rig, *wstest.Conn) {
		return func(_ *testing.T, _ *rig, cat *wstest.Conn) { _ = cat.WS.Close(code, "") }
	}
	fills := func(t *testing.T, r *rig, _ *wstest.Conn) {
		for range 20 {
			if _, err := r.h.Publish(t.Context(), Message{Channel: "other", Event: "e", Data: strings.Repeat("x", 20_000)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	reads := func(_ *testing.T, _ *rig, cat *wstest.Conn) { _ = cat.Drain() }
	for name, row := range map[string]struct {
		options   Options
		heartbeat time.Duration
		// end ends the connection of cat, or waits for its end.
		end     func(t *testing.T, r *rig, cat *wstest.Conn)
		reason  string
		lingers bool
	}{
		"idle":         {Options{IdleTimeout: time.Minute}, 0, reads, "idle", true},
		"too old":      {Options{MaxConnectionDuration: time.Minute}, 0, reads, "expired", true},
		"no heartbeat": {Options{}, 5 * time.Second, reads, "heartbeat", true},
		"answers no pings": {Options{PingInterval: 25 * time.Second}, 0, func(_ *testing.T, _ *rig, cat *wstest.Conn) {
			_, _ = io.Copy(io.Discard, cat.Under) // past what would answer
		}, "unresponsive", true},
		"slow": {Options{MaxQueueSize: 64 << 10}, 0, fills, "slow", true},
		"shutdown": {Options{}, 0, func(t *testing.T, r *rig, cat *wstest.Conn) {
			over := started(func() bool { _ = cat.Drain(); return true })
			if err := r.h.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			<-over
		}, "shutdown", true},
		"cut":         {Options{}, 0, func(_ *testing.T, _ *rig, cat *wstest.Conn) { cat.Cut() }, "client", true},
		"going away":  {Options{}, 0, closes(websocket.StatusGoingAway), "client", true},
		"coming back": {Options{}, 0, closes(4001), "client", true},
		"normal":      {Options{}, 0, closes(websocket.StatusNormalClosure), "client", false},
		"no code":     {Options{}, 0, closes(websocket.StatusNoStatusRcvd), "client", false},
		"own code":    {Options{}, 0, closes(4000), "client", false},
		"protocol error": {Options{}, 0, func(t *testing.T, _ *rig, cat *wstest.Conn) {
			if _, err := cat.Under.Write([]byte{0x81, 0x01, 'x'}); err != nil { // unmasked
				t.Fatal(err)
			}
			_ = cat.Drain()
		}, "client", false},
		"flood": {Options{ConnectionRateLimit: RateLimit{PerSecond: 1, Burst: 2}}, 0, func(_ *testing.T, _ *rig, cat *wstest.Conn) {
			over := started(func() bool { _ = cat.Drain(); return true })
			for range 4 * floodFactor {
				if cat.TrySend(`{"event":"hotsock.ping"}`) != nil {
					break
				}
			}
			<-over
		}, "flood", false},
		"disconnected": {Options{}, 0, func(t *testing.T, r *rig, cat *wstest.Conn) {
			if n, err := r.h.DisconnectUser(t.Context(), "cat"); err != nil || n != 1 {
				t.Fatal(n, err)
			}
			_ = cat.Drain()
		}, "host", false},
		"revoked": {Options{}, 0, func(_ *testing.T, r *rig, cat *wstest.Conn) {
			r.revoke(Revocation{UID: "cat"}, 1)
			_ = cat.Drain()
		}, "revoked", false},
		"unsubscribed": {Options{}, 0, func(_ *testing.T, _ *rig, cat *wstest.Conn) {
			cat.Do(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`, "hotsock.unsubscribed")
		}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			o := row.options
			o.PresenceGrace = grace
			o.IdleTimeout = cmp.Or(o.IdleTimeout, time.Hour)
			o.Authenticate = func(req *http.Request) (*Claims, error) {
				claims := everything(req.URL.Query().Get("uid"))
				if claims.UID == "cat" {
					claims.HeartbeatTimeout = row.heartbeat
				}
				return claims, nil
			}
			inRig(t, o, func(t *testing.T, r *rig) {
				o.Store = r.s.Store
				other, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := other.Close(); err != nil {
						t.Error(err)
					}
				}()
				cat := r.connect("cat")
				cat.Subscribe("presence.room", "other")
				row.end(t, r, cat)
				synctest.Wait()
				if ended := r.h.Stats().Disconnected; row.reason != "" && ended[row.reason] != 1 {
					t.Errorf("ended %v", ended)
				}
				wantLingers(t, other, row.lingers, grace)
				cat.Cut()
			})
		})
	}
}

// wantLingers checks whether cat, who has no subscription any more, is a member, and that
// nobody is one when the grace is over, in fake time.
func wantLingers(t *testing.T, h *Handler, want bool, grace time.Duration) {
	t.Helper()
	members := func() (uids []string) {
		info, err := h.ChannelInfo(context.Background(), "presence.room")
		if err != nil {
			t.Fatal(err)
		}
		if info.SubscriptionsCount != 0 {
			t.Errorf("%d subscriptions", info.SubscriptionsCount)
		}
		for _, m := range info.Members {
			uids = append(uids, m.UID)
		}
		return uids
	}
	var lingering []string
	if want {
		lingering = []string{"cat"}
	}
	if got := members(); !slices.Equal(got, lingering) {
		t.Errorf("the members are %q, want %q", got, lingering)
	}
	time.Sleep(grace + 2*time.Second)
	if got := members(); len(got) != 0 {
		t.Errorf("after the grace, the members are %q", got)
	}
}
