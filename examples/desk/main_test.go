package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error)
	c := config{addr: "127.0.0.1:0", db: filepath.Join(t.TempDir(), "a desk?.db")}
	go func() { ended <- run(ctx, c, in) }()

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(line[strings.LastIndex(line, " ")+1:])
	for path, want := range map[string]string{"": "<title>Desk</title>", "rt/client.js": "class Client ", "readyz": ""} {
		r, err := http.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET /%s: %d, %v", path, r.StatusCode, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}
}

func TestRunFails(t *testing.T) {
	for why, c := range map[string]config{
		"an address that is none":    {addr: "not an address"},
		"a database that cannot be":  {addr: "127.0.0.1:0", db: filepath.Join(t.TempDir(), "no", "folder")},
		"a Redis with no URL of one": {addr: "127.0.0.1:0", redis: "redis"},
	} {
		if err := run(t.Context(), c, io.Discard); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}
