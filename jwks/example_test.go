package jwks_test

// docs/tokens.md shows parts of this file; a test of the library compares them.

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/jwks"
)

// A provider that is away is no reason not to start.
func Example() {
	provider := httptest.NewTLSServer(http.NotFoundHandler())
	defer provider.Close()
	address := provider.URL + "/.well-known/jwks.json"
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	keys, err := jwks.New(address, jwks.Options{Logger: slog.Default()})
	if err != nil {
		log.Fatal(err)
	}
	// Only if you want to know: New fetches by itself, and goes on trying.
	if err := keys.Refresh(ctx); err != nil {
		log.Print("nobody can connect yet: ", err)
	}
	rt, err := hotsock.New(hotsock.Options{
		KeyLookup: keys.Lookup,
		Issuer:    "https://id.example.com/",
		Audience:  "realtime", // or what the provider signs for other apps is good here, too
	})

	fmt.Println(err, rt.Close(), keys.Close())
	// Output: <nil> <nil> <nil>
}
