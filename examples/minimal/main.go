// Command minimal is the shortest honest use of the library: one handler,
// mounted in a mux, with a key that signs tokens for whoever asks, and a page.
// Open it in two windows, and publish a headline in one.
package main

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

//go:embed index.html
var page string

func main() {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // a real app keeps its secret, and shares it among its nodes
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: secret}

	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	mux := http.NewServeMux()
	mux.Handle("/rt", rt) // WebSocket clients do not follow the redirect to /rt/
	mux.Handle("/rt/", rt)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		token, err := hotsock.SignToken(hotsock.Claims{
			Scope:   hotsock.ScopeConnect,
			Expires: time.Now().Add(time.Minute),
			Channels: map[string]hotsock.ChannelClaims{
				"news": {Subscribe: hotsock.Allow},
			},
		}, key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, token)
	})
	mux.HandleFunc("POST /news", func(w http.ResponseWriter, r *http.Request) {
		_, err := rt.Publish(r.Context(), hotsock.Message{
			Channel: "news", Event: "headline", Data: r.FormValue("text"),
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	log.Print("listening on http://127.0.0.1:8080")
	log.Print(http.ListenAndServe("127.0.0.1:8080", mux))
}
