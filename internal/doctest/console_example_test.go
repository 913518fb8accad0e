package doctest

import (
	"context"
	"fmt"
	"log"

	"github.com/hotsock-go/hotsock"
)

// What docs/console.md shows of Handler.Explain.
func Example_console() {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of thirty-two bytes ...")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	ctx, token := context.Background(), "rubbish"

	answer, err := rt.Explain(ctx, hotsock.ExplainRequest{
		Action:  hotsock.ActionPublish,
		Token:   token, // that a user complains about
		Channel: "room.hr",
		Event:   "chat",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(answer)
	// Output:
	// publish: no (UNAUTHORIZED)
	// the connect token is not valid: not three parts
}
