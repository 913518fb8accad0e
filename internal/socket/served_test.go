package socket

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

// A served connection is read as its owner does it: where it waits, it is only waited for.
type served struct {
	*Conn
	got     chan string
	waits   atomic.Int64 // how often Wait has returned
	waiting atomic.Bool
	over    chan error
}

func serve(t *testing.T, c *Conn) *served {
	s := &served{Conn: c, got: make(chan string, 1000), over: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for pending := c.Pending(); ; {
			var err error
			if !pending {
				s.waiting.Store(true)
				err = c.Wait()
				s.waiting.Store(false)
				s.waits.Add(1)
			}
			var b []byte
			if err == nil {
				b, err = c.Read(readBuffer512)
			}
			if err != nil {
				s.over <- err
				c.Close(context.Background(), CloseCode(err), "")
				return
			}
			if b != nil {
				s.got <- string(b)
			}
			pending = c.Pending()
		}
	}()
	t.Cleanup(func() { c.Cut(); <-done })
	return s
}

// idle waits until the connection only waits, for the nth time.
func (s *served) idle(t *testing.T, n int64) {
	t.Helper()
	await.That(t, "that nothing is left to read", func() bool {
		_, all := s.Heard()
		return all && s.waiting.Load() && s.waits.Load() >= n
	})
}

// next returns the next message.
func (s *served) next(t *testing.T) string {
	t.Helper()
	select {
	case m := <-s.got:
		return m
	case err := <-s.over:
		t.Fatalf("it is over: %v", err)
	case <-time.After(await.Patience):
		t.Fatal("no message")
	}
	return ""
}

// versions runs a test with each version of TLS.
func versions(t *testing.T, test func(t *testing.T, version uint16)) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { test(t, version) })
	}
}
