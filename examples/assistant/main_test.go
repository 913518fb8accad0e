package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error)
	go func() { ended <- run(ctx, "127.0.0.1:0", in) }()

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(line[strings.LastIndex(line, " ")+1:])
	if r, body := get(t, address); r.StatusCode != http.StatusOK || !strings.Contains(body, "<title>Hotsock assistant</title>") {
		t.Errorf("GET %s: %d, %q", address, r.StatusCode, body)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}

	if err := run(t.Context(), "not an address", in); err == nil {
		t.Error("an address that is none: no error")
	}
}

func get(t *testing.T, url string) (r *http.Response, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

func TestPage(t *testing.T) {
	a, err := newAssistant(hotsock.Options{}, scripted(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(newMux(a.rt))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
		if err := a.rt.Close(); err != nil {
			t.Error(err)
		}
	})
	r, html := get(t, s.URL)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("the page: %d", r.StatusCode)
	}
	if inline := regexp.MustCompile(`<style| style=| on[a-z]+=|<script[^>]*>[^<]`).FindString(html); inline != "" {
		t.Errorf("the page has %q, which its policy forbids", inline)
	}
	references := regexp.MustCompile(`(?:src|href)="([a-z.]+)"`).FindAllStringSubmatch(html, -1)
	if len(references) != 3 {
		t.Fatalf("the page refers to %d files: the test looks for the wrong thing", len(references))
	}
	for _, reference := range references {
		r, _ := get(t, s.URL+"/"+reference[1])
		if policy := r.Header.Get("Content-Security-Policy"); r.StatusCode != http.StatusOK || policy != contentPolicy {
			t.Errorf("%s: status %d, policy %q", reference[1], r.StatusCode, policy)
		}
		if len(r.Cookies()) > 0 {
			t.Errorf("%s begins a session: only the page does", reference[1])
		}
	}

	cookies := r.Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly {
		t.Fatalf("the page sets %v", cookies)
	}
	again, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	again.AddCookie(cookies[0])
	if uid, ok := userOf(again); !ok || !regexp.MustCompile(`^guest-[0-9a-f]{8}$`).MatchString(uid) {
		t.Errorf("the session is that of %q", uid)
	}
	if r, err = http.DefaultClient.Do(again); err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if len(r.Cookies()) > 0 {
		t.Error("a session is begun for whoever has one")
	}
}
