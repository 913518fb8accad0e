package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/webhook"
)

// Events of two types go to an endpoint that others run.
func ExampleNew() {
	key, err := webhook.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	hooks, err := webhook.New(webhook.Options{
		Endpoints: []webhook.Endpoint{{
			URL:   "https://partner.example.com/hooks/realtime",
			Keys:  []webhook.Key{key},
			Types: []string{hotsock.EventMemberAdded, hotsock.EventMemberRemoved},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = hooks.Shutdown(context.Background()) }() // after the handler's
	_ = hotsock.Options{Events: hooks}
	fmt.Println(hooks.Stats())
	// Output: [{0 0 0 0 false}]
}

// A receiver verifies a request before it looks at it.
func ExampleVerify() {
	key, err := webhook.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /hooks/realtime", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		if err := webhook.Verify(r.Header, body, key); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		var e hotsock.Event
		if err := json.Unmarshal(body, &e); err != nil {
			http.Error(w, "not an event", http.StatusBadRequest)
			return
		}
		log.Print(e.ID, " ", e.Type) // and do nothing if the ID is known
	})
	fmt.Println(webhook.Verify(http.Header{}, nil, key))
	// Output: webhook: the headers of a webhook are missing or malformed
}
