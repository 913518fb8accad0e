package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	echo4 "github.com/labstack/echo/v4"
	echo4middleware "github.com/labstack/echo/v4/middleware"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// lockedBuffer is a log that is read while it may be written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// anybody returns a handler that lets everybody connect, and its log.
func anybody(t *testing.T) (*hotsock.Handler, *lockedBuffer) {
	t.Helper()
	log := new(lockedBuffer)
	rt, err := hotsock.New(hotsock.Options{
		Authenticate: func(*http.Request) (*hotsock.Claims, error) { return &hotsock.Claims{}, nil },
		Logger:       slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt, log
}

// Behind middleware that hides Hijack the answer is 500 and the log says why,
// whatever router is in between.
func TestBehindTimeoutHandler(t *testing.T) {
	for name, mount := range routers {
		t.Run(name, func(t *testing.T) {
			rt, log := anybody(t)
			s := httptest.NewServer(http.TimeoutHandler(mount(rt), 10*time.Second, "too late"))
			defer s.Close()
			_, resp, err := wstest.Try(t, s.URL+"/rt", wstest.Options{})
			if err == nil || resp == nil || resp.StatusCode != http.StatusInternalServerError {
				t.Fatalf("answered %v, %v", resp, err)
			}
			if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), `"INTERNAL"`) {
				t.Errorf("the body is %s", body)
			}
			if !strings.Contains(log.String(), "cannot upgrade") {
				t.Errorf("the log says %s", log)
			}
		})
	}
}

// Middleware that compresses holds back the status until there is a body. Of a
// connection that was taken over, the client gets the status first all the same.
func TestBehindEcho4Gzip(t *testing.T) {
	rt, _ := anybody(t)
	e := echo4.New()
	e.Use(echo4middleware.Gzip())
	e.Any("/rt", echo4.WrapHandler(rt))
	s := httptest.NewServer(e)
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, wstest.Request("/rt", "Accept-Encoding: gzip"))
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var answer []byte
	for b := make([]byte, 4<<10); !bytes.Contains(answer, []byte("hotsock.connected")); {
		n, err := conn.Read(b)
		if answer = append(answer, b[:n]...); err != nil {
			t.Fatalf("%v after %q", err, answer)
		}
	}
	head, _, _ := strings.Cut(string(answer), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") || strings.Contains(head, "Content-Encoding") {
		t.Errorf("the answer begins with %q", head)
	}
}
