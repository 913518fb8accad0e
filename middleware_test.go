package hotsock

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// A headerChanger changes the values of an answer's headers, as its owner may,
// before they go out.
type headerChanger struct {
	http.ResponseWriter
	change func(values []string) []string
}

func (w headerChanger) WriteHeader(status int) {
	for name, values := range w.Header() {
		w.Header()[name] = w.change(values)
	}
	w.ResponseWriter.WriteHeader(status)
}

// TestMiddlewareOwnsHeaders has middleware change the headers of some answers
// while others are given. Each change stays within its answer, and its header.
func TestMiddlewareOwnsHeaders(t *testing.T) {
	key := strings.Repeat("k", 32)
	h, err := New(Options{
		APIKeys:      []string{key},
		Authenticate: func(*http.Request) (*Claims, error) { return everything("Jim"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	inPlace := func(values []string) []string {
		values[0] = "changed"
		return values
	}
	more := func(values []string) []string { return append(values, "changed") }
	asJSON := http.Header{
		"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
	}
	with := func(name, value string) http.Header {
		h := asJSON.Clone()
		h.Set(name, value)
		return h
	}
	for _, row := range []struct {
		answer, method, path, key, body string
		want                            http.Header
	}{
		{"accepted", "POST", "/rt/publish", key, `{"channel":"a","event":"e"}`, asJSON},
		{"refused", "POST", "/rt/publish", key, `{"channel":"a"}`, asJSON},
		{"without the key", "POST", "/rt/publish", "", "", with("Www-Authenticate", "Bearer")},
		{"wrong method", "GET", "/rt/publish", key, "", with("Allow", "POST")},
		{"the client for browsers", "GET", "/rt/client.js", "", "", http.Header{
			"Content-Type":  {"text/javascript; charset=utf-8"},
			"Cache-Control": {"public, max-age=300"}, "Vary": {"Accept-Encoding"},
			"X-Content-Type-Options": {"nosniff"}, "Accept-Ranges": {"bytes"},
			"Access-Control-Allow-Origin": {"*"}, "Cross-Origin-Resource-Policy": {"cross-origin"},
		}},
	} {
		t.Run(row.answer, func(t *testing.T) {
			ask := func(change func([]string) []string) http.Header {
				r := httptest.NewRequest(row.method, row.path, strings.NewReader(row.body))
				r.Header.Set("Authorization", "Bearer "+row.key)
				rec := httptest.NewRecorder()
				h.ServeHTTP(headerChanger{rec, change}, r)
				got := rec.Header()
				// These are not always the same.
				got.Del("Content-Length")
				got.Del("ETag")
				return got
			}
			changed := func(change func([]string) []string) http.Header {
				want := row.want.Clone()
				for name, values := range want {
					want[name] = change(values)
				}
				return want
			}
			same := func(values []string) []string { return values }
			var all sync.WaitGroup
			for range 4 {
				for _, change := range []func([]string) []string{same, inPlace, more} {
					all.Go(func() {
						for range 20 {
							if got, want := ask(change), changed(change); !reflect.DeepEqual(got, want) {
								t.Errorf("headers are %v, want %v", got, want)
							}
						}
					})
				}
			}
			all.Wait()
		})
	}
}

// Answers of any length say how long they are: short ones by net/http's count.
func TestAnswersSayTheirLength(t *testing.T) {
	for _, n := range []int{0, 1, shortAnswer, shortAnswer + 1, 1 << 16} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, make([]byte, n))
		}))
		res, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		server.Close()
		if res.ContentLength != int64(n) {
			t.Errorf("an answer of %d bytes says that it has %d", n, res.ContentLength)
		}
	}
}
