package hotsock_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hotsock-go/hotsock"
)

func ExampleHandler_Explain() {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of thirty-two bytes ...")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	answer, err := rt.Explain(context.Background(), hotsock.ExplainRequest{
		Action:  hotsock.ActionSubscribe,
		Channel: "room.hr",
		// or Token: the token that a client complains about
		Claims: &hotsock.Claims{
			UID: "jim",
			Channels: map[string]hotsock.ChannelClaims{
				"room.*":  {Subscribe: hotsock.Allow},
				"room.hr": {Subscribe: hotsock.Deny},
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Allowed, answer.Code)
	fmt.Println(answer.Reason)
	// Output:
	// false SUBSCRIBE_PERMISSION_DENIED
	// subscribe is false under channels["room.hr"] of the connect token
}
