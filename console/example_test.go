package console_test

import (
	"errors"
	"log"
	"net/http"
	"strings"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/console"
)

// A host mounts the console behind its own authentication. Here the console also
// makes tokens, for test users only.
func ExampleNew() {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of thirty-two bytes ...")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	page, err := console.New(console.Options{
		Handler:  rt,
		Endpoint: "/rt", // where browsers reach rt
		Token: func(_ *http.Request, c hotsock.Claims) (string, error) {
			if !strings.HasPrefix(c.UID, "test-") {
				return "", errors.New("the console makes tokens for test users only: their uid begins with test-")
			}
			return hotsock.SignToken(c, key)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.Handle("/admin/console/", requireAdmin(page))
	// Output:
}

// requireAdmin stands for the app's own authentication.
func requireAdmin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("admin-session"); err != nil {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}
