//go:build linux

package socket

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// BenchmarkFanOut sends frames to connections whose clients cost next to nothing, so
// that -cpu 1,2 shows what another processor is good for. An operation is one frame to
// one of them: "burst" has 64 frames under way at a time, and "lone" one.
func BenchmarkFanOut(b *testing.B) {
	for name, connect := range map[string]func(b *testing.B, f *Flusher) mute{"plain": newMute, "tls": newMuteTLS} {
		b.Run(name, func(b *testing.B) {
			b.Run("burst", func(b *testing.B) { benchmarkFanOut(b, 64, connect) })
			b.Run("lone", func(b *testing.B) { benchmarkFanOut(b, 1, connect) })
		})
	}
}

func benchmarkFanOut(b *testing.B, inFlight int, connect func(b *testing.B, f *Flusher) mute) {
	const conns = 1000
	f := new(Flusher)
	defer f.Close()
	var all []mute
	for range conns {
		all = append(all, connect(b, f))
	}
	frame := textFrame(strings.Repeat("b", 300))
	each := uint64(frame.Len() * conns)
	written := f.Written()
	drain := func() {
		for _, m := range all {
			m.Forget()
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	before, used := wstest.WriteCalls(b), wstest.CPUTime(b)
	sent := uint64(0)
	wait := func(most int) { // until so many are under way
		for int(sent)-int((f.Written()-written)/each) > most {
			await.Pass(100*time.Microsecond, "while the workers write")
		}
	}
	for sent*conns < uint64(b.N) {
		for _, m := range all {
			m.conn.Send(frame)
		}
		if sent++; sent%uint64(inFlight) == 0 {
			wait(inFlight / 2)
		}
		if sent%64 == 0 {
			wait(0)
			b.StopTimer()
			drained := wstest.CPUTime(b)
			drain()
			used += wstest.CPUTime(b) - drained
			b.StartTimer()
		}
	}
	wait(0)
	b.StopTimer()
	ops := float64(sent * conns)
	b.ReportMetric(float64(wstest.CPUTime(b)-used)/ops, "cpu-ns/op")
	b.ReportMetric((wstest.WriteCalls(b)-before)/ops, "writes/op")
	drain()
}

// A mute is a connection whose client does not read.
type mute struct {
	*wstest.Mute
	conn *Conn
}

func newMute(b *testing.B, f *Flusher) mute {
	b.Helper()
	server, client := mutePipe(b)
	return acceptMute(b, f, server, client)
}

func newMuteTLS(b *testing.B, f *Flusher) mute {
	b.Helper()
	server, client := mutePipe(b)
	s := tls.Server(server, tlsConfig())
	shaken := make(chan error, 1)
	go func() { shaken <- s.Handshake() }()
	// A connection that is not closed, for it has the client's to close.
	if err := errors.Join(tls.Client(blocking{client}, tlsConfig()).Handshake(), <-shaken); err != nil {
		b.Fatal(err)
	}
	return acceptMute(b, f, s, client)
}

// blocking is a net.Conn without deadlines.
type blocking struct{ *wstest.Mute }

func (blocking) LocalAddr() net.Addr              { return nil }
func (blocking) RemoteAddr() net.Addr             { return nil }
func (blocking) SetDeadline(time.Time) error      { return nil }
func (blocking) SetReadDeadline(time.Time) error  { return nil }
func (blocking) SetWriteDeadline(time.Time) error { return nil }

func mutePipe(b *testing.B) (server net.Conn, client *wstest.Mute) {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client = wstest.DialMute(b, l.Addr())
	if server, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	return server, client
}

func acceptMute(b *testing.B, f *Flusher, server net.Conn, client *wstest.Mute) mute {
	b.Helper()
	c, err := acceptOn(server, Options{
		Flusher: f, ReadLimit: 1 << 10, QueueLimit: 4 << 20, WriteTimeout: 10 * time.Second,
		TooSlow: func() { b.Error("unexpected overflow") },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		c.Cut()
		c.Close(context.Background(), StatusNormal, "")
		_ = client.Close()
	})
	return mute{client, c}
}
