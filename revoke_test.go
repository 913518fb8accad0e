package hotsock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

const revokedText = "Token revoked"

// revoke revokes, and checks how much that ended.
func (r *rig) revoke(q Revocation, want int) {
	r.t.Helper()
	if q.Until.IsZero() {
		q.Until = time.Now().Add(time.Minute)
	}
	if n, err := r.h.Revoke(r.t.Context(), q); n != want || err != nil {
		r.t.Errorf("Revoke: %d, %v, want %d", n, err, want)
	}
}

// subscribeWith is the command with a token of Jim's for another user.
func subscribeWith(t *testing.T, channel string, c Claims) string {
	t.Helper()
	c.Scope = ScopeSubscribe
	c.Channels = map[string]ChannelClaims{channel: {Subscribe: Allow}}
	return fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":{"token":%q}}`, channel, tokenSign(t, c, tokenHS256))
}

// A connection that is being accepted while it is revoked ends, whichever comes first.
func TestRevokeWhileConnecting(t *testing.T) {
	for why, row := range map[string]struct {
		revoked Revocation
		before  Revocation
		ends    bool
	}{
		"its user":     {revoked: Revocation{UID: "jim"}, ends: true},
		"its id":       {revoked: Revocation{TokenID: "session"}, ends: true},
		"everybody":    {revoked: Revocation{IssuedBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}, ends: true},
		"another user": {revoked: Revocation{UID: "pam"}},
		"another one, and its user before it was let in": {revoked: Revocation{UID: "pam"}, before: Revocation{UID: "jim"}},
	} {
		var asked, goOn chan struct{}
		o := Options{
			Authenticate: func(*http.Request) (*Claims, error) {
				c := everything("jim")
				c.ID = "session"
				return c, nil
			},
			Hooks: Hooks{BeforeConnect: func(context.Context, Requester) error {
				close(asked)
				<-goOn
				return nil
			}},
		}
		t.Run(why, func(t *testing.T) {
			inRig(t, o, func(t *testing.T, r *rig) {
				asked, goOn = make(chan struct{}), make(chan struct{}) // of the bubble
				if row.before != (Revocation{}) {
					r.revoke(row.before, 0)
				}
				connecting := started(func() *wstest.Conn {
					c, _, err := wstest.Try(t, r.url("jim"), r.dial())
					if err != nil {
						t.Error(err)
					}
					return c
				})
				<-asked
				r.revoke(row.revoked, 0)
				close(goOn)
				c := <-connecting
				if row.ends {
					c.WantClose(c.Drain(), websocket.StatusPolicyViolation, revokedText)
				} else {
					c.Greet()
					c.ExpectNothing()
				}
			})
		})
	}
}

// A subscription with a token that is revoked meanwhile does not last.
func TestRevokeWhileSubscribing(t *testing.T) {
	for why, during := range map[string]func(t *testing.T, r *rig, c *wstest.Conn, revoke func()){
		"before it is known to the store": func(t *testing.T, r *rig, c *wstest.Conn, revoke func()) {
			release := r.s.hold("room")
			c.Send(subscribeWith(t, "room", Claims{ConnectionID: c.ID, UID: "alias", ID: "1"}))
			synctest.Wait()
			revoke()
			release(nil)
			c.Expect("hotsock.subscribed")
			c.Expect("hotsock.unsubscribed")
		},
		"while it waits for the store": func(t *testing.T, r *rig, c *wstest.Conn, revoke func()) {
			r.s.setAway("room")
			c.Do(subscribeWith(t, "room", Claims{ConnectionID: c.ID, UID: "alias", ID: "1"}), "UNAVAILABLE")
			revoke()
			r.s.setAway()
			c.Expect("INVALID_SUBSCRIBE_TOKEN")
		},
		"while a hook is asked": func(t *testing.T, r *rig, c *wstest.Conn, revoke func()) {
			asked, goOn := make(chan struct{}, 9), make(chan struct{})
			r.h.opts.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
				asked <- struct{}{}
				<-goOn
				return &ChannelClaims{Subscribe: Allow}, nil
			}
			c.Send(subscribeWith(t, "room", Claims{ConnectionID: c.ID, UID: "alias", ID: "1"}))
			<-asked
			revoke()
			close(goOn)
			c.Expect("INVALID_SUBSCRIBE_TOKEN")
		},
	} {
		for _, q := range []Revocation{{UID: "alias"}, {TokenID: "1"}} {
			t.Run(why, func(t *testing.T) {
				inRig(t, Options{Keys: []Key{tokenHS256.Key()}}, func(t *testing.T, r *rig) {
					c := r.connect("jim")
					during(t, r, c, func() { r.revoke(q, 0) })
					c.ExpectNothing()
					if n := r.h.Stats().Subscriptions; n != 0 {
						t.Errorf("%d subscriptions", n)
					}
					// What the connection may do otherwise, it still may.
					c.Do(`{"event":"hotsock.subscribe","channel":"other"}`, "hotsock.subscribed")
				})
			})
		}
	}
}

// What is the user's only on a channel ends there. What a hook has granted without a
// token is the connection's.
func TestRevokeEndsSubscriptions(t *testing.T) {
	inRig(t, Options{Keys: []Key{tokenHS256.Key()}}, func(t *testing.T, r *rig) {
		c := r.connect("jim")
		c.Do(subscribeWith(t, "a", Claims{ConnectionID: c.ID, UID: "alias", ID: "1"}), "hotsock.subscribed")
		c.Do(subscribeWith(t, "b", Claims{ConnectionID: c.ID, ID: "2"}), "hotsock.subscribed")
		c.Do(subscribeWith(t, "c", Claims{ConnectionID: c.ID, ID: "3"}), "hotsock.subscribed")
		c.Subscribe("plain")
		r.revoke(Revocation{UID: "pam"}, 0)
		r.revoke(Revocation{TokenID: "4"}, 0)
		c.ExpectNothing()
		r.revoke(Revocation{TokenID: "2"}, 1)
		if f := c.Expect("hotsock.unsubscribed"); f.Channel != "b" {
			t.Errorf("got %s", f.Text)
		}
		r.revoke(Revocation{UID: "alias"}, 1)
		if f := c.Expect("hotsock.unsubscribed"); f.Channel != "a" {
			t.Errorf("got %s", f.Text)
		}
		c.Do(subscribeWith(t, "a", Claims{ConnectionID: c.ID, UID: "alias", IssuedAt: time.Now().Add(-time.Second)}), "INVALID_SUBSCRIBE_TOKEN")
		c.Do(subscribeWith(t, "a", Claims{ConnectionID: c.ID, UID: "alias", IssuedAt: time.Now().Add(time.Second)}), "hotsock.subscribed")
		r.revoke(Revocation{UID: "jim"}, 1)
		c.ExpectClose(websocket.StatusPolicyViolation, revokedText)
		synctest.Wait()
		if s := r.h.Stats(); s.Disconnected["revoked"] != 1 || s.Revocations != 5 {
			t.Errorf("%+v", s)
		}
		// Who is asked each time, decides each time.
		r.connect("jim").ExpectNothing()
	})
}

// What the app's own authentication says of a token counts.
func TestRevokeSessions(t *testing.T) {
	var claims Claims
	inRig(t, Options{Authenticate: func(*http.Request) (*Claims, error) {
		c := claims
		return &c, nil
	}}, func(t *testing.T, r *rig) {
		claims = Claims{UID: "jim", ID: "laptop"}
		laptop := r.connect("")
		claims.ID = "phone"
		phone := r.connect("")
		r.revoke(Revocation{TokenID: "laptop"}, 1)
		laptop.ExpectClose(websocket.StatusPolicyViolation, revokedText)
		phone.ExpectNothing()
		refused := func(want int) {
			t.Helper()
			_, answer, err := wstest.Try(t, r.url(""), r.dial())
			if err == nil || answer.StatusCode != want {
				t.Errorf("connects as %+v: %v", claims, err)
			}
		}
		claims.ID = "laptop"
		refused(http.StatusUnauthorized)
		r.revoke(Revocation{UID: "jim"}, 1)
		phone.ExpectClose(websocket.StatusPolicyViolation, revokedText)
		claims = Claims{UID: "jim", IssuedAt: time.Now().Add(-time.Second)}
		refused(http.StatusUnauthorized)
		claims.IssuedAt = time.Now()
		r.connect("").ExpectNothing()
	})
}

// A node that has missed a revocation learns it when it is told so, or is a member again,
// and ends what it should have; and gives back what the store has lost.
func TestRevocationsAreReadAgain(t *testing.T) {
	for why, hint := range map[string]func(r *rig){
		"lost":   func(r *rig) { r.s.receiver.Lost(revocationChannel) },
		"rejoin": func(r *rig) { r.s.receiver.Rejoin() },
	} {
		t.Run(why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				c := r.connect("jim")
				q := Revocation{UID: "jim", Until: time.Now().Add(time.Minute)}
				missed, err := q.check(&r.h.opts, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				before := r.h.node
				r.h.node.Unwatch(revocationChannel)
				if err := r.h.revoker.channel.add(t.Context(), missed.record(), missed.keep()); err != nil {
					t.Fatal(err)
				}
				c.ExpectNothing()
				r.s.setAway(revocationChannel) // It is tried again.
				hint(r)
				synctest.Wait()
				c.ExpectNothing()
				r.s.setAway()
				c.ExpectClose(websocket.StatusPolicyViolation, revokedText)

				if _, err := before.Set(t.Context(), store.SetRequest{Channel: revocationChannel, Key: missed.record()}); err != nil {
					t.Fatal(err)
				}
				hint(r)
				synctest.Wait()
				if keys, err := before.Keys(t.Context(), store.KeysRequest{Channel: revocationChannel, Limit: 10}); err != nil || len(keys.Keys) != 1 || keys.Keys[0] != missed.record() {
					t.Errorf("the store has %v, %v", keys, err)
				}
			})
		})
	}
}

// A node that cannot know what is revoked does not serve.
func TestRevocationsAreReadFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storememory.New()
		first, err := New(Options{Store: memory, Keys: []Key{tokenHS256.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		if _, err := first.Revoke(t.Context(), Revocation{TokenID: "1", Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		s := &faultyStore{Store: memory}
		s.setAway(revocationChannel)
		if h, err := New(Options{Store: s, Keys: []Key{tokenHS256.Key()}}); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("New: %v, %v", h, err)
		}
		s.setAway()
		second, err := New(Options{Store: s, Keys: []Key{tokenHS256.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if n := second.Stats().Revocations; n != 1 {
			t.Errorf("%d revocations are known", n)
		}
	})
}

// There is room for so many, and what revokes more makes room.
func TestRevocationsAreBounded(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		q := Revocation{UID: "jim", Until: time.Now().Add(time.Minute)}
		for i := range maxRevocations - 1 {
			u := &revocation{revocationName: newRevocationName(revokedUser, fmt.Sprint(i)), before: 1, until: time.Now().Unix() + 60}
			if i < 10 { // The store has these.
				if err := r.h.revoker.channel.add(t.Context(), u.record(), u.keep()); err != nil {
					t.Fatal(err)
				}
				continue
			}
			r.h.revoker.learn([]string{u.record()})
		}
		r.revoke(Revocation{TokenID: "1"}, 0)
		r.revoke(Revocation{TokenID: "1"}, 0) // the same once more
		_, err := r.h.Revoke(t.Context(), q)
		wantCode(t, "one too many", err, CodeRateLimited)
		r.revoke(Revocation{IssuedBefore: time.Now(), Until: time.Now().Add(time.Hour)}, 0)
		synctest.Wait()
		if n := r.h.Stats().Revocations; n != 2 {
			t.Errorf("%d revocations are known", n)
		}
		if keys, err := r.h.node.Keys(t.Context(), store.KeysRequest{Channel: revocationChannel, Limit: 100}); err != nil || len(keys.Keys) != 2 {
			t.Errorf("the store has %v, %v", keys, err)
		}
		time.Sleep(time.Second)
		r.revoke(q, 0)
	})
}

// Revoke changes nothing if the store is away, and says who did not answer.
func TestRevokeWithoutStore(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("jim")
		r.s.setAway(revocationChannel)
		_, err := r.h.Revoke(t.Context(), Revocation{UID: "jim"})
		wantCode(t, "the store is away", err, CodeUnavailable)
		c.ExpectNothing()
		r.s.setAway()
		r.s.dead = []string{"dead"}
		n, err := r.h.Revoke(t.Context(), Revocation{UID: "jim"})
		wantCode(t, "a node does not answer", err, CodeUnavailable)
		if n != 1 {
			t.Errorf("%d connections ended", n)
		}
		c.ExpectClose(websocket.StatusPolicyViolation, revokedText)
	})
}

// A record of a kind that a later version has is passed over, and who asks is told.
func TestUnknownRevocation(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		const record = "z.AAAAAAAAAAAAAAAAAAAAAA.1.zzzzzz"
		if err := r.h.revoker.channel.add(t.Context(), record, time.Hour); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := r.h.Stats().Revocations; n != 0 {
			t.Errorf("%d revocations are known", n)
		}
		if _, err := r.h.peers.do(&peerRequest{Op: peerRevoke, Revocation: record}); !errors.Is(err, errUnsupported) {
			t.Errorf("got %v", err)
		}
	})
}
