package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What is read in pieces, with nothing there in between, is what was written.
func TestEndpoint(t *testing.T) {
	for scheme, start := range map[string]func(*httptest.Server){
		"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS,
	} {
		t.Run(scheme, func(t *testing.T) {
			more := make(chan struct{})
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "40000")
				for range 2 {
					_, _ = io.WriteString(w, strings.Repeat("x", 20000))
					_ = http.NewResponseController(w).Flush()
					<-more
				}
			}))
			start(s)
			defer s.Close()
			to, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			e, err := dialURL(to)
			if err != nil {
				t.Fatal(err)
			}
			defer e.close()
			if _, _, err := e.read(make([]byte, 9)); !errors.Is(err, unix.EAGAIN) {
				t.Fatalf("before the request: %v", err)
			}
			if _, err := e.write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			var got []byte
			part := make([]byte, 999)
			for _, want := range []int{20000, 40000} {
				for body := []byte(nil); len(body) < want; {
					n, _, err := e.read(part)
					if err != nil && !errors.Is(err, unix.EAGAIN) {
						t.Fatal(err)
					}
					got = append(got, part[:n]...)
					_, body, _ = bytes.Cut(got, []byte("\r\n\r\n"))
				}
				if _, _, err := e.read(part); !errors.Is(err, unix.EAGAIN) {
					t.Fatalf("nothing is there, but: %v", err)
				}
				more <- struct{}{}
			}
		})
	}
}
