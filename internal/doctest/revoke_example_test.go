package doctest

// docs/tokens.md shows parts of this file; TestGuideCode compares them.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/hotsock-go/hotsock"
)

// sessions are the app's own.
var sessions sessionTable

type sessionTable struct{}

func (sessionTable) deleteAll(context.Context, string) error { return nil }

func (sessionTable) delete(context.Context, string) error { return nil }

// connectClaims are what a user's session may connect with.
func connectClaims(user, session string) hotsock.Claims {
	now := time.Now()
	return hotsock.Claims{
		Scope:    hotsock.ScopeConnect,
		IssuedAt: now, // or a new token could not be told from an old one
		Expires:  now.Add(time.Minute),
		ID:       session, // for signing out one device
		UID:      user,
		Channels: inbox(user),
	}
}

// signOut signs a user out everywhere.
func signOut(ctx context.Context, rt *hotsock.Handler, user string) error {
	// First, or the clients get new tokens.
	if err := sessions.deleteAll(ctx, user); err != nil {
		return err
	}
	_, err := rt.Revoke(ctx, hotsock.Revocation{UID: user})
	return err // If a node did not answer, do it again.
}

// signOutDevice signs out one session.
func signOutDevice(ctx context.Context, rt *hotsock.Handler, session string) error {
	if err := sessions.delete(ctx, session); err != nil {
		return err
	}
	_, err := rt.Revoke(ctx, hotsock.Revocation{TokenID: session})
	return err
}

func Example_signOut() {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("thirty-two bytes of random, once")}
	rt, err := hotsock.New(hotsock.Options{
		Keys:             []hotsock.Key{key.Key()},
		MaxTokenLifetime: 5 * time.Minute, // longer ones are refused, and so a revocation need not last longer
	})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	sign := func(session string) string {
		token, err := hotsock.SignToken(connectClaims("jim", session), key)
		if err != nil {
			log.Fatal(err)
		}
		return token
	}
	laptop, phone := sign("laptop"), sign("phone")
	ctx := context.Background()
	if err := signOutDevice(ctx, rt, "laptop"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("laptop:", allowed(rt, laptop), "phone:", allowed(rt, phone))
	if err := signOut(ctx, rt, "jim"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("phone:", allowed(rt, phone), "signed in again:", allowed(rt, sign("another")))
	// Output:
	// laptop: false phone: true
	// phone: false signed in again: true
}
