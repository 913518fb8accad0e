// Command auth shows a host app that has sessions of its own: it never mints a
// token, and says from the session's cookie who connects and what they may do.
//
// Open http://127.0.0.1:8080 in two browsers, or in a private window, and log in
// under two names: each page shows who is there.
package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/hotsock-go/hotsock"
)

//go:embed index.html
var lobby string

const loginForm = `<!doctype html><form action="/login" method="post"><input name="user" aria-label="Name"> <button>Log in</button></form>`

// sessions stands for what the app has already.
type sessions struct {
	mu    sync.Mutex
	users map[string]string // by session id
}

func (s *sessions) login(w http.ResponseWriter, r *http.Request) {
	user := r.FormValue("user")
	if user == "" {
		http.Error(w, "who?", http.StatusBadRequest)
		return
	}
	id := rand.Text()
	s.mu.Lock()
	s.users[id] = user
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{
		Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *sessions) user(r *http.Request) (string, bool) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, ok := s.users[cookie.Value]
	return user, ok
}

// authenticate is the hook. The browser's Origin has been checked before: only
// pages of this app can use the cookie.
func (s *sessions) authenticate(r *http.Request) (*hotsock.Claims, error) {
	user, ok := s.user(r)
	if !ok {
		return nil, errors.New("no session")
	}
	return &hotsock.Claims{
		UID: user,
		Channels: map[string]hotsock.ChannelClaims{
			"user." + user: {AutoSubscribe: hotsock.Allow},
			"presence.*": {
				Subscribe: hotsock.Allow,
				Messages:  map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Allow}},
			},
		},
	}, nil
}

func main() {
	s := &sessions{users: make(map[string]string)}
	rt, err := hotsock.New(hotsock.Options{Authenticate: s.authenticate})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.HandleFunc("/login", s.login)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.user(r); !ok {
			fmt.Fprint(w, loginForm)
			return
		}
		fmt.Fprint(w, lobby)
	})
	log.Print("listening on http://127.0.0.1:8080")
	log.Print(http.ListenAndServe("127.0.0.1:8080", mux))
}
