package hotsock_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// In an application the secret comes from its configuration.
var exampleKey = hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-11", Secret: []byte("0123456789abcdef0123456789abcdef")}

// A token with which Jim connects. He is in the lobby at once, and can join any
// room and write there; the messages are kept for a day.
func ExampleSignToken_connect() {
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope:   hotsock.ScopeConnect,
		Expires: time.Now().Add(time.Minute),
		UID:     "Jim",
		UMD:     json.RawMessage(`{"name":"Jim Halpert"}`),
		Channels: map[string]hotsock.ChannelClaims{
			"presence.lobby": {AutoSubscribe: hotsock.Allow},
			"room.*": {
				Subscribe:    hotsock.Allow,
				HistoryStart: time.Unix(0, 0), // everything
				Messages: map[string]hotsock.MessageClaims{
					"chat":   {Publish: hotsock.Allow, Echo: hotsock.Allow, Store: new(24 * time.Hour), Reactions: []string{"👍", "👎"}},
					"typing": {Publish: hotsock.Allow},
				},
				Storage: map[string]hotsock.StorageClaims{
					"topic": {Observe: hotsock.Allow, Set: hotsock.Allow, Store: new(store.Forever)},
				},
			},
		},
	}, exampleKey)
	fmt.Println(token != "", err)
	// Output: true <nil>
}

// A token with which a connection subscribes to a room that its connect token
// says nothing of, once.
func ExampleSignToken_subscribe() {
	connectionID := "01JAXS4Z8W0A" // the client sent it to the application
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope:        hotsock.ScopeSubscribe,
		Expires:      time.Now().Add(time.Minute),
		ConnectionID: connectionID,
		SingleUse:    true,
		Channels: map[string]hotsock.ChannelClaims{
			"private.7": {Subscribe: hotsock.Allow, Alias: "private"},
		},
	}, exampleKey)
	fmt.Println(token != "", err)
	// Output: true <nil>
}

// A token with which Jim changes what others see of him: on his connections, and
// in all that they are subscribed to.
func ExampleSignToken_umd() {
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope:        hotsock.ScopeUMD,
		Expires:      time.Now().Add(time.Minute),
		UID:          "Jim",
		UMD:          json.RawMessage(`{"name":"Jim Halpert","status":"away"}`),
		UMDUpdate:    true,
		UMDPropagate: true,
	}, exampleKey)
	fmt.Println(token != "", err)
	// Output: true <nil>
}

// What SignToken signs is ordinary JSON, should another program mint the tokens.
func ExampleClaims() {
	payload, err := json.Marshal(hotsock.Claims{
		Scope:   hotsock.ScopeConnect | hotsock.ScopeSubscribe,
		Expires: time.Unix(1800000000, 0),
		UID:     "Jim",
		Channels: map[string]hotsock.ChannelClaims{
			"room.1": {Subscribe: hotsock.Allow, GetInfo: hotsock.Deny},
		},
	})
	fmt.Println(string(payload), err)
	// Output: {"scope":"connect subscribe","exp":1800000000,"uid":"Jim","channels":{"room.1":{"subscribe":true,"getInfo":false}}} <nil>
}

// To rotate keys, verify with both while tokens of the old one are in use.
func ExampleSigningKey_Key() {
	old := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-10", Secret: []byte("fedcba9876543210fedcba9876543210")}
	options := hotsock.Options{Keys: []hotsock.Key{exampleKey.Key(), old.Key()}}
	fmt.Println(options.Keys)
	// Output: [{HS256 "2026-11"} {HS256 "2026-10"}]
}
