package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hotsock-go/hotsock"
)

func TestConsoleIsForThisMachineOnly(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:0": true, "[::1]:80": true,
		":8080": false, "0.0.0.0:8080": false, "192.0.2.1:80": false, "example.com:80": false, "localhost.example.com:80": false,
	} {
		_, err := parse([]string{"-hs256-secret", testSecret, "-console", "-addr", addr})
		if (err == nil) != want {
			t.Errorf("-console on %s: %v", addr, err)
		}
	}
	c, err := parse([]string{"-hs256-secret", testSecret, "-console"})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := hotsock.New(c.options)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	mux, err := routes(c, rt)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1:8080": http.StatusOK, "localhost": http.StatusOK, "[::1]": http.StatusOK,
		"evil.example:8080": http.StatusForbidden, "": http.StatusForbidden,
	} {
		r := httptest.NewRequest(http.MethodGet, "/console/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("for the host %q: %d, want %d", host, w.Code, want)
		}
	}
}
