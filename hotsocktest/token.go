package hotsocktest

import (
	"crypto/rand"
	"time"

	"github.com/hotsock-go/hotsock"
)

// newKey makes a key for one test.
func newKey() hotsock.SigningKey {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: secret}
}

// Token mints a token that the nodes accept. Without a Scope it is a connect
// token, and without Expires it is valid for an hour. Claims from which no token
// can be made fail the test.
func (s *Server) Token(c hotsock.Claims) string {
	s.t.Helper()
	token, err := s.mint(c)
	if err != nil {
		s.t.Fatalf("hotsocktest: %v", err)
	}
	return token
}

// mint is Token for goroutines that must not end the test.
func (s *Server) mint(c hotsock.Claims) (string, error) {
	if c.Scope == 0 {
		c.Scope = hotsock.ScopeConnect
	}
	if c.Expires.IsZero() {
		c.Expires = time.Now().Add(time.Hour)
	}
	return hotsock.SignToken(c, s.Key)
}

// Everything returns the claims of a user who may do everything on every channel,
// for tests that are not about permissions. Messages are kept for an hour. There
// is no echo: a connection does not get what it publishes or schedules itself.
func Everything(uid string) hotsock.Claims {
	always := time.Unix(0, 0)
	never := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	return hotsock.Claims{
		UID: uid, UMDUpdate: true, UMDPropagate: true,
		Channels: map[string]hotsock.ChannelClaims{"*": {
			Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, HistoryStart: always, UMDUpdate: hotsock.Allow,
			Messages: map[string]hotsock.MessageClaims{"*": {
				Publish: hotsock.Allow, Broadcast: hotsock.Allow, React: hotsock.Allow,
				Update: hotsock.Allow, Delete: hotsock.Allow,
				Store: time.Hour, ScheduleBefore: never, EmitPubSubEvent: hotsock.Allow,
			}},
			Storage: map[string]hotsock.StorageClaims{"*": {
				Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow,
				ScheduleBefore: never, EmitPubSubEvent: hotsock.Allow,
			}},
		}},
	}
}
