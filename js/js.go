// Package js has the client for browsers, which the handler serves at
// {prefix}/client.js: modules that are joined to one. Its types are in
// client.d.ts, and its guide is docs/client-js.md.
package js

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// client is what is served.
var client = sync.OnceValue(join)

// A variant is the client in one encoding.
type variant struct {
	body []byte
	etag string
}

var compressed = sync.OnceValue(func() variant {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one
	}
	_, _ = w.Write([]byte(client())) // into memory
	_ = w.Close()
	return variant{b.Bytes(), etag("gzip")}
})

var plain = sync.OnceValue(func() variant { return variant{[]byte(client()), etag("plain")} })

func etag(encoding string) string {
	sum := sha256.Sum256([]byte(client()))
	return `"` + hex.EncodeToString(sum[:8]) + "-" + encoding + `"`
}

// Serve answers a GET or HEAD request with the client. It holds nothing secret,
// so pages of all origins may import it.
func Serve(w http.ResponseWriter, r *http.Request) {
	v := plain()
	h := w.Header()
	if acceptsGzip(r) {
		v = compressed()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	// The address stays the same when the library is updated.
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", v.etag)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.body))
}

func acceptsGzip(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			// With a weight it may be meant to be refused.
			if strings.TrimSpace(coding) == "gzip" {
				return true
			}
		}
	}
	return false
}
