package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/slowlink"
)

// TestSlowLink: an answer over a slow link takes the time that it takes, and one that
// hardly comes is not waited for.
func TestSlowLink(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes seven seconds")
	}
	rt, address := newServer(t)
	const messages, length, rate = 10, 30 << 10, 60 << 10
	for range messages {
		publishAll(t, rt, "room", strings.Repeat("x", length))
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = slowlink.New(t, u.Host, rate).Addr
	const timeout = messages * length * time.Second / rate * 4 / 5
	start := time.Now()
	got := records(t, newTerminal(t, u.String()).must("", "history", "room", "--all", "--json", "--timeout", timeout.String()))
	if len(got) != messages {
		t.Errorf("%d messages have come", len(got))
	}
	if d := time.Since(start); d < timeout {
		t.Errorf("all came within %v: this shows nothing", d)
	}

	drips := newTerminal(t, serve(t, "/rt", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			await.Pass(50*time.Millisecond, "between two drops")
		}
	})))
	if code, _, errs := drips.run("", "history", "room", "--timeout", "2s"); code != exitUnreachable || !strings.Contains(errs, "breaks off") {
		t.Errorf("of an answer that hardly comes: exit code %d: %s", code, errs)
	}
}
