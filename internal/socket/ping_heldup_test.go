package socket

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// While we do not read, because a command takes long, nobody is gone.
func TestSilenceBehindACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		c, err := acceptOn(server, Options{ReadLimit: 100, QueueLimit: 100, WriteTimeout: time.Minute, PingInterval: pingInterval, PongTimeout: pongTimeout})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, client) }()
		attend := func(d time.Duration) (gone bool) {
			for end := time.Now().Add(d); time.Now().Before(end) && !gone; {
				var next time.Duration
				next, gone = c.Attend()
				time.Sleep(next)
			}
			return gone
		}
		if attend(5 * time.Minute) {
			t.Error("gone, although nobody reads")
		}
		go readOn(c)
		if attend(pongTimeout - 2*time.Second) {
			t.Error("gone too early")
		}
		if !attend(4 * time.Second) {
			t.Error("not gone")
		}
		_ = client.Close()
	})
}

// A ping that has not left, because the client takes its time with what has been
// begun, is not unanswered.
func TestPingBehindABegunFrame(t *testing.T) {
	watch(t, func(t *testing.T, w *watched) {
		for range 40 {
			w.Send(textFrame(strings.Repeat("x", 30_000)))
		}
		for range 50 {
			f, err := readFrame(w.frames)
			if err != nil {
				t.Fatal(err)
			}
			if f.first == fin|opPing {
				w.send(t, masked(fin|opPong, nil))
				continue
			}
			time.Sleep(pongTimeout - time.Second)
		}
		if len(w.gone) != 0 {
			t.Errorf("gone after %v", <-w.gone)
		}
	})
}

// A holdingLink takes all that a server writes, as a proxy with large buffers
// does, and passes it on at a rate.
type holdingLink struct {
	net.Conn
	rate int // bytes a second
	held chan []byte
	done chan struct{}
	once sync.Once
}

func (l *holdingLink) Write(b []byte) (int, error) {
	select {
	case l.held <- bytes.Clone(b):
		return len(b), nil
	case <-l.done:
		return 0, net.ErrClosed
	}
}

func (l *holdingLink) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Conn.Close()
}

// carry passes on what is held, in fake time.
func (l *holdingLink) carry() {
	for {
		select {
		case b := <-l.held:
			time.Sleep(time.Duration(len(b)) * time.Second / time.Duration(l.rate))
			if _, err := l.Conn.Write(b); err != nil {
				return
			}
		case <-l.done:
			return
		}
	}
}

// A ping that waits in a proxy, behind what the client gets over a slow link, has
// the time for that. Who is gone is not allowed more.
func TestPingBehindABacklog(t *testing.T) {
	const slow, fast = 48_000, 1 << 30 // bytes a second; slow is 0.4 Mbit
	for _, row := range []struct {
		what    string
		rate    int
		backlog int           // bytes at once
		each    int           // bytes a second after that
		answers int           // pings
		gone    time.Duration // after the last answer; 0 for never
	}{
		{"none", fast, 0, 0, 0, pingInterval + pongTimeout},
		{"much, over a slow link", slow, 3_500_000, 0, 100, 0},
		{"what a slow link just carries", slow, 0, slow * 8 / 10, 100, 0},
		{"much, and then nothing", fast, 3_500_000, 0, 0, 3_500_000*time.Second/slowest + pongTimeout},
		{"as much as may be, and then nothing", fast, 8 << 20, 0, 0, pingInterval + mostHeld*time.Second/slowest + pongTimeout},
		{"what a slow link carries, and then nothing", fast, 0, 20_000, 8, pingInterval + pongTimeout},
		{"what a fast link carries, and then nothing", fast, 0, 2 * slowest, 8, 2*pingInterval + pongTimeout},
	} {
		t.Run(row.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := net.Pipe()
				link := &holdingLink{Conn: server, rate: row.rate, held: make(chan []byte, 1000), done: make(chan struct{})}
				go link.carry()
				w := attend(t, link, client)
				answered := make(chan time.Duration, 1)
				go func() {
					last := time.Duration(0)
					defer func() { answered <- last }()
					for n := 0; ; {
						first, err := skipFrame(w.frames)
						if err != nil {
							return
						}
						if first != fin|opPing {
							continue
						}
						if n++; n <= row.answers {
							last = time.Since(w.made)
							_, _ = client.Write(masked(fin|opPong, nil))
						}
					}
				}()
				if !w.SendAll([]Frame{textFrame(strings.Repeat("x", row.backlog))}) {
					t.Error("the backlog is too long")
				}
				end := time.Now().Add(10 * time.Minute)
				for time.Now().Before(end) && len(w.gone) == 0 {
					if row.each > 0 {
						w.Send(textFrame(strings.Repeat("x", row.each)))
					}
					time.Sleep(time.Second)
				}
				w.Cut()
				switch last := <-answered; {
				case len(w.gone) == 0:
					if row.gone != 0 {
						t.Error("not gone")
					}
				case row.gone == 0:
					t.Errorf("gone after %v", <-w.gone)
				default:
					if d := <-w.gone - last; d > row.gone+3*time.Second || d < row.gone/2 {
						t.Errorf("gone after %v, want %v", d, row.gone)
					}
				}
			})
		})
	}
}

// skipFrame reads a server's frame of any length.
func skipFrame(in *bufio.Reader) (first byte, err error) {
	first, err = in.ReadByte()
	if err != nil {
		return 0, err
	}
	l, err := in.ReadByte()
	n, more := int64(l), map[byte]int{126: 2, 127: 8}[l]
	if more > 0 {
		n = 0
	}
	for range more {
		var b byte
		b, err = in.ReadByte()
		n = n<<8 | int64(b)
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, in, n)
	}
	return first, err
}
