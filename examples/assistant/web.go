package main

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
)

//go:embed web
var files embed.FS

// contentPolicy lets the page load and call this server and nothing else, run no inline
// script and parse no HTML from strings, whatever a model writes.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// newMux serves the page and, under /rt, the protocol.
func newMux(rt http.Handler) http.Handler {
	web, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // only a malformed name can fail
	}
	mux := http.NewServeMux()
	// Both: of a redirect from the one to the other, a WebSocket client would
	// see only that connecting failed.
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.Handle("/", page(http.FileServerFS(web)))
	return mux
}

func page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		if _, ok := userOf(r); !ok && r.URL.Path == "/" {
			startSession(w)
		}
		next.ServeHTTP(w, r)
	})
}

const (
	sessionCookie = "assistant-session"
	sessionSize   = 16 // random bytes
)

// startSession makes the browser a new guest. A real app would have users sign in.
func startSession(w http.ResponseWriter) {
	id := make([]byte, sessionSize)
	rand.Read(id)
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Not Secure, because this server speaks plain HTTP.
		Name: sessionCookie, Value: hex.EncodeToString(id), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// userOf returns the uid of the browser's guest. It is made of a digest, because others
// see it, and the session is a secret.
func userOf(r *http.Request) (uid string, ok bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", false
	}
	id, err := hex.DecodeString(cookie.Value)
	if err != nil || len(id) != sessionSize {
		return "", false
	}
	digest := sha256.Sum256(id)
	return "guest-" + hex.EncodeToString(digest[:4]), true
}
