package socket

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestDeflate sends the same frames to connections that compress and to others:
// all must read the same messages, in order.
func TestDeflate(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		frames := []Frame{
			textFrame("short"),
			textFrame(strings.Repeat("x", deflateFrom-1)),
			textFrame(strings.Repeat("x", deflateFrom)),
			textFrame(random(4000)),
			textFrame(strings.Repeat("a long one ", 20_000)),
		}
		for i := range 500 {
			frames = append(frames, textFrame(fmt.Sprintf("%d %s", i, strings.Repeat("y", i))))
		}
		var conns []*Conn
		var clients []*websocket.Conn
		for i := range 4 {
			c, client := pairOffering(t, Options{Flusher: f, Compress: true}, i%2 == 0)
			if c.deflate != (i%2 == 0) {
				t.Fatalf("connection %d: compresses: %v", i, c.deflate)
			}
			conns, clients = append(conns, c), append(clients, client)
		}
		for _, f := range frames {
			for _, c := range conns {
				c.Send(f)
			}
		}
		for i, client := range clients {
			for j, f := range frames {
				_, got, err := client.Read(t.Context())
				if err != nil || string(got) != payloadOf(f) {
					t.Fatalf("connection %d, message %d: %.40q (%v), want %.40q", i, j, got, err, payloadOf(f))
				}
			}
		}
	})
}

func random(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = ' ' + byte(rand.N('~'-' '))
	}
	return string(b)
}

func TestWhatIsDeflated(t *testing.T) {
	long := strings.Repeat("z", 1000)
	for _, row := range []struct {
		why   string
		frame Frame
		want  bool
	}{
		{"it gets shorter", textFrame(long), true},
		{"it is too short to be worth it", textFrame(long[:deflateFrom-1]), false},
		{"its length would tell of the secret", FinishSecret(append(Start(0), long...)), false},
	} {
		row.frame.compress()
		if got := row.frame.b.deflated != nil; got != row.want {
			t.Errorf("%s: compressed: %v", row.why, got)
		}
	}
	// Noise does not get shorter.
	noise := make([]byte, 1000)
	for i := range noise {
		noise[i] = byte(rand.N(256))
	}
	if b := deflated(noise); b != nil {
		t.Errorf("1000 bytes of noise were sent as %d", len(b))
	}
}

// TestDeflateBomb sends little that becomes much: the limit is on what it
// becomes.
func TestDeflateBomb(t *testing.T) {
	c, client := pair(t, Options{Compress: true, ReadLimit: 1 << 16})
	go func() {
		_ = client.Write(context.Background(), websocket.MessageText, bytes.Repeat([]byte{'0'}, 64<<20))
	}()
	_, err := c.Read(func() []byte { return nil })
	if CloseCode(err) != StatusTooLong {
		t.Errorf("read: %v", err)
	}
}

func BenchmarkDeflate(b *testing.B) {
	for _, n := range []int{256, 4096, 32768} {
		text := []byte(strings.Repeat(`{"user":"`+random(9)+`","text":"`+random(60)+`","at":12345678}`, n/90+1))[:n]
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				_ = deflated(text)
			}
		})
	}
}
