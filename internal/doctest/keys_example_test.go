package doctest

// docs/tokens.md shows parts of this file; TestRecipeCode compares them.

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/hotsock-go/hotsock"
)

func Example_rotate() {
	before := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-10", Secret: []byte("thirty-two bytes of random, once")}
	now := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-11", Secret: []byte("and thirty-two others, for later")}

	// 1. All nodes know both keys. 2. The app signs with the new one.
	// 3. When the last token of the old one has expired, it goes.
	rt, err := hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{now.Key(), before.Key()},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	for _, k := range []hotsock.SigningKey{before, now} {
		token, err := hotsock.SignToken(guest(), k)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(allowed(rt, token))
	}
	// Output:
	// true
	// true
}

func Example_once() {
	claims := hotsock.Claims{
		Scope:     hotsock.ScopeConnect,
		Expires:   time.Now().Add(30 * time.Second),
		SingleUse: true, // SignToken makes up the "jti"
		UID:       "jim",
		Channels:  inbox("jim"),
	}

	token, err := hotsock.SignToken(claims, key)
	fmt.Println(token != "", err)
	// Output: true <nil>
}

// allowed returns whether a client can connect with the token.
func allowed(rt *hotsock.Handler, token string) bool {
	e, err := rt.Explain(context.Background(), hotsock.ExplainRequest{Action: hotsock.ActionConnect, Token: token})
	return err == nil && e.Allowed
}
