package doctest

// docs/mounting.md shows parts of this file; TestGuideCode compares them.

import (
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
)

func Example_options() {
	rt, err := hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{key.Key()},
		// Pages of these origins may connect, besides those of the same host.
		AllowedOrigins: []string{"https://app.example.com", "https://*.example.org"},
		// The last address is the one that the proxy has added, perhaps in a header
		// of its own; those before it are what the client says.
		ClientIP: func(r *http.Request) string {
			all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			return strings.TrimSpace(all[len(all)-1])
		},
		// For proxies that end what is silent for half a minute or less.
		PingInterval: 10 * time.Second,
	})

	fmt.Println(err, rt.Close())
	// Output: <nil> <nil>
}

func Example_several() {
	staffKey := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("another example's secret, longer")}
	mux := http.NewServeMux()

	customers, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	staff, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{staffKey.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/rt", customers)
	mux.Handle("/rt/", customers)
	mux.Handle("/staff/rt", staff)
	mux.Handle("/staff/rt/", staff)

	fmt.Println(customers.Close(), staff.Close())
	// Output: <nil> <nil>
}
