package client_test

import (
	"context"
	"log"
	"net/http/httptest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
)

// exampleServer is an app with rooms, and what gives its users tokens.
func exampleServer(uid string) (url string, token func(context.Context) (string, error), stop func()) {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("0123456789abcdef0123456789abcdef")}
	h, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(h)
	token = func(context.Context) (string, error) {
		return hotsock.SignToken(hotsock.Claims{
			Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute), UID: uid,
			Channels: map[string]hotsock.ChannelClaims{
				"presence.lobby": {Subscribe: hotsock.Allow},
				"room.*": {
					Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, HistoryStart: time.Unix(0, 0),
					Messages: map[string]hotsock.MessageClaims{
						"chat":                    {Publish: hotsock.Allow, Echo: hotsock.Allow, React: hotsock.Allow, Store: time.Hour},
						"hotsock.messageReaction": {Echo: hotsock.Allow},
						"reminder":                {Publish: hotsock.Allow, ScheduleBefore: time.Now().Add(24 * time.Hour)},
					},
					Storage: map[string]hotsock.StorageClaims{
						"topic": {Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow},
						"vote*": {Get: hotsock.Allow, Set: hotsock.Allow},
					},
				},
			},
		}, key)
	}
	return server.URL, token, func() {
		server.Close()
		_ = h.Close()
	}
}

// connected is a client of such an app.
func connected(uid string) (*client.Client, func()) {
	url, token, stop := exampleServer(uid)
	c, err := client.New(client.Options{URL: url, Token: token})
	if err != nil {
		log.Fatal(err)
	}
	return c, func() {
		_ = c.Close()
		stop()
	}
}
