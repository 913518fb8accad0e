package main

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/console"
)

// checkLoopback refuses an address to listen on that others can reach: this
// server knows no users, so anyone could use the console.
func checkLoopback(addr string) error {
	if !isLoopback(addr) {
		return errors.New("-console needs an -addr such as 127.0.0.1:8080, which only this machine can reach")
	}
	return nil
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// newConsole serves the console, which may mint any token.
func newConsole(c *config, rt *hotsock.Handler) (http.Handler, error) {
	page, err := console.New(console.Options{
		Handler:  rt,
		Endpoint: c.prefix,
		Token: func(_ *http.Request, claims hotsock.Claims) (string, error) {
			return hotsock.SignToken(claims, c.key)
		},
	})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A site could have its name resolve to this machine, and its pages would
		// then be of the console's origin.
		if !isLoopback(r.Host) {
			http.Error(w, "the console is for this machine only", http.StatusForbidden)
			return
		}
		page.ServeHTTP(w, r)
	}), nil
}
