package main

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed web
var files embed.FS

// contentPolicy lets the page load and call this server and nothing else, run no
// inline script and parse no HTML from strings.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// routes serves the page, its sessions and, under /rt, the protocol.
func (d *desk) routes() http.Handler {
	web, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // only a malformed name can fail
	}
	mux := http.NewServeMux()
	// Both: a WebSocket client does not follow a redirect from one to the other.
	mux.Handle("/rt", d.rt)
	mux.Handle("/rt/", d.rt)
	mux.HandleFunc("POST /login", d.login)
	mux.HandleFunc("POST /logout", d.logout)
	mux.HandleFunc("GET /me", d.me)
	mux.HandleFunc("GET /readyz", d.ready)
	mux.Handle("/", page(http.FileServerFS(web)))
	// No page of another site signs anybody in or out. The handler checks origins
	// itself, so what has /rt before it passes either way.
	return http.NewCrossOriginProtection().Handler(mux)
}

// page adds the headers of the page's files.
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

// ready tells a load balancer whether this process is to get requests.
func (d *desk) ready(w http.ResponseWriter, r *http.Request) {
	if d.db.PingContext(r.Context()) != nil || d.rt.Ready(r.Context()) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
