package console_test

import (
	"crypto/subtle"
	"errors"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/console"
)

// A host mounts the console behind its own authentication.
func ExampleNew() {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of thirty-two bytes ...")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)

	page, err := console.New(console.Options{
		Handler:  rt,
		Endpoint: "/rt", // where browsers reach rt
	})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/admin/console/", requireAdmin(page))
	// Output:
}

// The console makes tokens, for test users only.
func ExampleOptions_token() {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of thirty-two bytes ...")}
	_ = console.Options{
		Token: func(_ *http.Request, c hotsock.Claims) (string, error) {
			if !strings.HasPrefix(c.UID, "test-") {
				return "", errors.New("the console makes tokens for test users only: their uid begins with test-")
			}
			return hotsock.SignToken(c, key)
		},
	}
	// Output:
}

// requireAdmin lets those in who know the password, under any name.
func requireAdmin(next http.Handler) http.Handler {
	want := os.Getenv("ADMIN_PASSWORD")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		if want == "" || subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="console"`)
			http.Error(w, "the password is needed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
