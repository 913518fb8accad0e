package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock"
)

//go:embed web
var files embed.FS

// contentPolicy lets the page load and call this server and nothing else, run
// no inline script and parse no HTML from strings.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// newMux serves the page, its tokens and, under /rt, the protocol.
func newMux(rt http.Handler, key hotsock.SigningKey) http.Handler {
	web, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // only a malformed name can fail
	}
	mux := http.NewServeMux()
	// Both: of a redirect from the one to the other, a WebSocket client would
	// see only that connecting failed.
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	// Other sites' pages must not get tokens with the visitor's reach.
	mux.Handle("POST /token", http.NewCrossOriginProtection().Handler(tokens(key)))
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
		next.ServeHTTP(w, r)
	})
}

// maxTokenRequest is the length of the longest body of POST /token, in bytes.
const maxTokenRequest = 4 << 10

// tokens answers {"name","room"} with a token that lets that person into that
// room, and the name of the person's private channel. A real app would know
// from its own session who is asking.
func tokens(key hotsock.SigningKey) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Name string `json:"name"`
			Room string `json:"room"`
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTokenRequest)).Decode(&in); err != nil {
			refuse(w, "The request is not what this server expects.")
			return
		}
		if problem := checkName(in.Name); problem != "" {
			refuse(w, problem)
			return
		}
		if !roomName.MatchString(in.Room) {
			refuse(w, "A room's name is 1 to 32 letters, digits, - and _.")
			return
		}
		token, err := hotsock.SignToken(claims(in.Name, in.Room, time.Now()), key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, http.StatusOK, map[string]string{"token": token, "inbox": inboxChannel(in.Name)})
	})
}

const maxName = 32 // characters

var roomName = regexp.MustCompile(`^[\p{L}\p{M}\p{N}_-]{1,32}$`)

// checkName returns what is wrong with a person's name, "" if nothing is.
func checkName(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "Please choose a name."
	case strings.TrimSpace(name) != name:
		return "A name neither begins nor ends with a space."
	case utf8.RuneCountInString(name) > maxName:
		return "That name is too long: at most 32 characters."
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "That name has characters that cannot be seen."
	}
	return ""
}

// refuse answers as the protocol's own HTTP API does.
func refuse(w http.ResponseWriter, message string) {
	answer(w, http.StatusBadRequest, map[string]any{
		"error": map[string]string{"code": "INVALID_REQUEST", "message": message},
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone, if anything
}
