package slowlink

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

// A link carries all that is sent, and no faster than it should.
func TestRate(t *testing.T) {
	const rate, amount = 200_000, 300_000
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, io.LimitReader(c, amount))
		_, _ = c.Write(make([]byte, n))
		_, _ = io.Copy(io.Discard, c)
	}()
	l := New(t, listener.Addr().String(), rate)
	c, err := net.Dial("tcp", l.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	for range amount / 4000 {
		if _, err := c.Write(make([]byte, 4000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(c, make([]byte, amount)); err != nil {
		t.Fatal(err)
	}
	took, least := time.Since(start), 2*amount*time.Second/rate
	await.That(t, "all to be counted", func() bool { return l.Up() == amount && l.Down() == amount })
	if took < least {
		t.Errorf("%d bytes there and back in %v, want at least %v", amount, took, least)
	}
}
