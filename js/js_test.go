package js

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, method string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/rt/client.js", http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Serve(w, r)
	return w.Result()
}

func TestServe(t *testing.T) {
	etags := make(map[string]bool)
	for _, tt := range []struct {
		why        string
		accept     []string
		compressed bool
	}{
		{"what browsers send", []string{"Accept-Encoding", "gzip, deflate, br, zstd"}, true},
		{"in two lines", []string{"Accept-Encoding", "br", "Accept-Encoding", "gzip"}, true},
		{"nothing is asked for", nil, false},
		{"gzip is refused", []string{"Accept-Encoding", "gzip;q=0"}, false},
		{"something else", []string{"Accept-Encoding", "br"}, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			a := get(t, http.MethodGet, tt.accept...)
			body, err := io.ReadAll(a.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.Header.Get("Content-Encoding") == "gzip"; got != tt.compressed {
				t.Fatalf("compressed: %v, want %v", got, tt.compressed)
			}
			if tt.compressed {
				body = unzip(t, body)
			}
			if a.StatusCode != http.StatusOK || string(body) != client() {
				t.Errorf("status %d and %d bytes, want the %d of the client", a.StatusCode, len(body), len(client()))
			}
			for name, want := range map[string]string{
				"Content-Type":                 "text/javascript; charset=utf-8",
				"Cache-Control":                "public, max-age=300",
				"Vary":                         "Accept-Encoding",
				"X-Content-Type-Options":       "nosniff",
				"Access-Control-Allow-Origin":  "*",
				"Cross-Origin-Resource-Policy": "cross-origin",
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			etag := a.Header.Get("ETag")
			etags[etag] = true
			again := get(t, http.MethodGet, append(tt.accept, "If-None-Match", etag)...)
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("a second time: status %d", again.StatusCode)
			}
			head := get(t, http.MethodHead, tt.accept...)
			if b, err := io.ReadAll(head.Body); err != nil || len(b) > 0 || head.StatusCode != http.StatusOK {
				t.Errorf("HEAD: status %d, %d bytes, %v", head.StatusCode, len(b), err)
			}
		})
	}
	if len(etags) != 2 {
		t.Errorf("the two variants have these tags: %v", etags)
	}
}

func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// maxSize is what a page may have to load, in bytes. What it is spent on: to come back, to
// catch up and to publish again what has no answer; members of a channel of any size; history,
// storage, reactions, edits, streams, schedules and calls; parts of a page that share channels;
// and to do without WebSockets, and go back to them without a break.
const maxSize = 14<<10 + 256

func TestSize(t *testing.T) {
	t.Logf("client.js has %d bytes, compressed %d", len(client()), len(compressed().body))
	if n := len(compressed().body); n > maxSize {
		t.Errorf("client.js has %d bytes when compressed, more than %d", n, maxSize)
	}
}
