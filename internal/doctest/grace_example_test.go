package doctest

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

func newHandler(keys []hotsock.Key, shared store.Store) (*hotsock.Handler, error) {
	return hotsock.New(hotsock.Options{
		Keys:          keys,
		Store:         shared,
		PresenceGrace: 5 * time.Second,
	})
}

// TestReloads loads a page again, with the handler of reliability.md.
func TestReloads(t *testing.T) {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("the secret of this test, of 32 bytes")}
	h, err := newHandler([]hotsock.Key{key.Key()}, storememory.New())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		_ = h.Close()
		srv.Close()
	})
	open := func(uid string) *wstest.Conn {
		t.Helper()
		token, err := hotsock.SignToken(hotsock.Claims{
			Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Hour), UID: uid,
			Channels: map[string]hotsock.ChannelClaims{"presence.room": {Subscribe: hotsock.Allow}},
		}, key)
		if err != nil {
			t.Fatal(err)
		}
		c := wstest.Connect(t, srv.URL+"/?token="+token, wstest.Options{})
		c.Subscribe("presence.room")
		return c
	}
	ann := open("Ann")
	bob := open("Bob")
	ann.Expect("hotsock.memberAdded")
	bob.Close() // as a page does that is left
	await.That(t, "the end of the connection", func() bool { return h.Stats().Connections == 1 })
	open("Bob")
	ann.ExpectNothing()
}
