package hotsock

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// Nothing that a stranger sends makes a long line in the log.
func TestLogIsBounded(t *testing.T) {
	var log bytes.Buffer
	o := Options{
		Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Authenticate: func(r *http.Request) (*Claims, error) {
			return nil, errors.New("no session " + r.Header.Get("Cookie"))
		},
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	long := strings.Repeat("é", 450_000)
	for what, change := range map[string]func(r *http.Request){
		"path":                    func(r *http.Request) { r.URL.Path = "/" + long; r.Header.Set("Upgrade", "") },
		"cookie":                  func(r *http.Request) { r.Header.Set("Cookie", long) },
		"origin":                  func(r *http.Request) { r.Header.Set("Origin", "http://"+long); r.Host = long },
		"key, without an upgrade": func(r *http.Request) { r.URL.Path = "/" + long; r.Header.Del("Upgrade") },
		"an operation's path":     func(r *http.Request) { r.Method = "POST"; r.URL.Path = long + "/connection/" + long },
		"the store's error": func(*http.Request) {
			_ = h.errors.report(fmt.Errorf("%s: %w", long, store.ErrUnavailable), "path", long, "event", long)
		},
		"an attribute for several lines": func(*http.Request) { h.logger.With("connection", long).WithGroup("g").Info("hotsock: something") },
	} {
		log.Reset()
		r := upgrading(t, "")
		change(r)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if log.Len() > 10*maxLogged {
			t.Errorf("%s: %d bytes of log: %.300s", what, log.Len(), log.String())
		}
	}
}

// A body may take the time that a slow link needs, and no longer.
func TestSlowBody(t *testing.T) {
	key := strings.Repeat("k", 32)
	for _, row := range []struct {
		why     string
		piece   int // bytes a second
		want    string
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"a slow link", 5 << 10, "HTTP/1.1 202", 11 * time.Second, 15 * time.Second},
		{"a byte now and then", 1, "", bodyTimeout, bodyTimeout + 2*time.Second},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{APIKeys: []string{key}, MaxDataSize: 60 << 10}, func(t *testing.T, r *rig) {
				c, err := r.l.DialContext(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				body := `{"channel":"room","event":"e","data":"` + strings.Repeat("x", 55<<10) + `"}`
				_, _ = fmt.Fprintf(c, "POST /rt/publish HTTP/1.1\r\nHost: rig\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", key, len(body))
				start := time.Now()
				var sending sync.WaitGroup
				sending.Go(func() {
					for b := body; len(b) > 0; b = b[min(row.piece, len(b)):] {
						time.Sleep(time.Second)
						if _, err := c.Write([]byte(b[:min(row.piece, len(b))])); err != nil {
							return
						}
					}
				})
				answer := make([]byte, len("HTTP/1.1 202"))
				_, _ = c.Read(answer)
				took := time.Since(start)
				if got := string(answer); row.want != "" && got != row.want || row.want == "" && strings.HasPrefix(got, "HTTP/1.1 2") {
					t.Errorf("answered %q", got)
				}
				if took < row.atLeast || took > row.atMost {
					t.Errorf("after %v, not %v to %v", took, row.atLeast, row.atMost)
				}
				_ = c.Close()
				sending.Wait()
			})
		})
	}
}
