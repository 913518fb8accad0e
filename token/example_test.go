package token_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// In an application the secret comes from its configuration.
var exampleKey = token.SigningKey{Algorithm: token.HS256, ID: "2026-11", Secret: []byte("0123456789abcdef0123456789abcdef")}

// A token with which Jim connects. He is in the lobby at once, and can join any
// room and write there; the messages are kept for a day.
func ExampleSign_connect() {
	signed, err := token.Sign(token.Claims{
		Scope:   token.ScopeConnect,
		Expires: time.Now().Add(time.Minute),
		UID:     "Jim",
		UMD:     json.RawMessage(`{"name":"Jim Halpert"}`),
		Channels: map[string]token.ChannelClaims{
			"presence.lobby": {AutoSubscribe: token.Allow},
			"room.*": {
				Subscribe:    token.Allow,
				HistoryStart: time.Unix(0, 0), // everything
				Messages: map[string]token.MessageClaims{
					"chat":   {Publish: token.Allow, Echo: token.Allow, Store: 24 * time.Hour, Reactions: []string{"👍", "👎"}},
					"typing": {Publish: token.Allow},
				},
				Storage: map[string]token.StorageClaims{
					"topic": {Observe: token.Allow, Set: token.Allow, Store: token.Forever},
				},
			},
		},
	}, exampleKey)
	fmt.Println(signed != "", err)
	// Output: true <nil>
}

// A token with which a connection subscribes to a room that its connect token
// says nothing of, once.
func ExampleSign_subscribe() {
	connectionID := "01JAXS4Z8W0A" // the client sent it to the application
	signed, err := token.Sign(token.Claims{
		Scope:        token.ScopeSubscribe,
		Expires:      time.Now().Add(time.Minute),
		ConnectionID: connectionID,
		SingleUse:    true,
		Channels: map[string]token.ChannelClaims{
			"private.7": {Subscribe: token.Allow, Alias: "private"},
		},
	}, exampleKey)
	fmt.Println(signed != "", err)
	// Output: true <nil>
}

// A token with which Jim changes what others see of him: on his connections, and
// in all that they are subscribed to.
func ExampleSign_umd() {
	signed, err := token.Sign(token.Claims{
		Scope:        token.ScopeUMD,
		Expires:      time.Now().Add(time.Minute),
		UID:          "Jim",
		UMD:          json.RawMessage(`{"name":"Jim Halpert","status":"away"}`),
		UMDUpdate:    true,
		UMDPropagate: true,
	}, exampleKey)
	fmt.Println(signed != "", err)
	// Output: true <nil>
}

// What Sign signs is ordinary JSON, should another program mint the tokens.
func ExampleClaims() {
	payload, err := json.Marshal(token.Claims{
		Scope:   token.ScopeConnect | token.ScopeSubscribe,
		Expires: time.Unix(1800000000, 0),
		UID:     "Jim",
		Channels: map[string]token.ChannelClaims{
			"room.1": {Subscribe: token.Allow, GetInfo: token.Deny},
		},
	})
	fmt.Println(string(payload), err)
	// Output: {"scope":"connect subscribe","exp":1800000000,"uid":"Jim","channels":{"room.1":{"subscribe":true,"getInfo":false}}} <nil>
}

// To rotate keys, verify with both while tokens of the old one are in use.
func ExampleVerifier() {
	old := token.SigningKey{Algorithm: token.HS256, ID: "2026-10", Secret: []byte("fedcba9876543210fedcba9876543210")}
	verifier, err := token.NewVerifier(token.VerifierOptions{Keys: []token.Key{exampleKey.Key(), old.Key()}})
	if err != nil {
		panic(err)
	}
	signed, err := token.Sign(token.Claims{Scope: token.ScopeConnect, Expires: time.Now().Add(time.Minute), UID: "Jim"}, old)
	if err != nil {
		panic(err)
	}
	claims, err := verifier.Verify(context.Background(), signed, token.ScopeConnect)
	fmt.Println(claims.UID, err)
	_, err = verifier.Verify(context.Background(), signed, token.ScopeUMD)
	fmt.Println(err)
	// Output:
	// Jim <nil>
	// invalid token: scope is "connect", not "umd"
}
