// Command testing shows how an app that uses hotsock is tested, with package
// hotsocktest: the tests beside it are what there is to see.
//
// Run, it listens on http://127.0.0.1:8080, with one session, "demo".
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

func main() {
	a, err := newApp(hotsock.Options{}, map[string]string{"demo": "jim"})
	if err != nil {
		log.Fatal(err)
	}
	defer a.rt.Close()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: a.routes(), ReadHeaderTimeout: 10 * time.Second}
	log.Print("listening on http://" + server.Addr)
	log.Print(server.ListenAndServe())
}
