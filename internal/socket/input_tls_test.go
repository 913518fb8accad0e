package socket

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

func serveTLS(t *testing.T, version uint16, o Options) (*served, *recordClient) {
	t.Helper()
	server, client := recordPipe(t, version)
	o.ReadLimit, o.QueueLimit, o.WriteTimeout = 1<<20, 1<<20, time.Minute
	c, err := acceptOn(server, o)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, client.Conn) }()
	return serve(t, c), client
}

// Messages arrive whatever records they come in, and however these come. In between,
// nobody is inside of crypto/tls, and nobody looks more often than something comes.
func TestRecords(t *testing.T) {
	message := func(s string) []byte { return masked(text, []byte(s)) }
	ping := masked(fin|opPing, nil)
	long := strings.Repeat("m", 100_000)
	for _, row := range []struct {
		what string
		// send returns what is sent at once, and after that has been read, and so on.
		send func(c *recordClient) [][]byte
		want []string
	}{
		{"nothing", func(*recordClient) [][]byte { return nil }, nil},
		{"a record", func(c *recordClient) [][]byte { return [][]byte{c.record(message("a"))} }, []string{"a"}},
		{"two messages in a record", func(c *recordClient) [][]byte {
			return [][]byte{c.record(append(message("a"), message("b")...))}
		}, []string{"a", "b"}},
		{"two records", func(c *recordClient) [][]byte {
			return [][]byte{append(c.record(message("a")), c.record(message("b"))...)}
		}, []string{"a", "b"}},
		{"a record, and a part of the next", func(c *recordClient) [][]byte {
			a, b := c.record(message("a")), c.record(message("b"))
			return [][]byte{append(a, b[:9]...), b[9:]}
		}, []string{"a", "b"}},
		{"bytes", func(c *recordClient) [][]byte { return singly(c.record(message("a"))[:4]) }, nil},
		{"a long message", func(c *recordClient) [][]byte { return [][]byte{c.record(message(long))} }, []string{long}},
		{"a ping", func(c *recordClient) [][]byte { return [][]byte{c.record(ping)} }, nil},
		{"a ping and a message", func(c *recordClient) [][]byte {
			return [][]byte{append(c.record(ping), c.record(message("a"))...)}
		}, []string{"a"}},
		{"a ping within a message", func(c *recordClient) [][]byte {
			return [][]byte{append(append(c.record(masked(opText, []byte("a"))), c.record(ping)...), c.record(masked(fin, []byte("b")))...)}
		}, []string{"ab"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			versions(t, func(t *testing.T, version uint16) {
				s, client := serveTLS(t, version, Options{})
				s.idle(t, 0)
				flights := row.send(client)
				for i, b := range flights {
					client.send(t, b)
					s.idle(t, int64(i)+1)
				}
				for _, want := range row.want {
					if got := s.next(t); got != want {
						t.Errorf("got %.20q, want %.20q", got, want)
					}
				}
				if n, most := s.waits.Load(), 2*int64(len(flights)); n > most { // A long one may come in parts.
					t.Errorf("something came %d times, want at most %d", n, most)
				}
			})
		})
	}
}

// What a client may send that is for TLS alone makes nobody wait, and nobody look again
// and again.
func TestRecordsOfTLSItself(t *testing.T) {
	const handshake, alert, data = 22, 21, 23
	userCanceled, keyUpdate, keyUpdateBoth := []byte{1, 90}, []byte{24, 0, 0, 1, 0}, []byte{24, 0, 0, 1, 1}
	for _, row := range []struct {
		what string
		send func(c *sealer) [][]byte
	}{
		{"a new key", func(c *sealer) [][]byte { return [][]byte{c.update(c.seal(handshake, keyUpdate))} }},
		{"new keys for both", func(c *sealer) [][]byte { return [][]byte{c.update(c.seal(handshake, keyUpdateBoth))} }},
		{"a new key in two parts", func(c *sealer) [][]byte {
			return [][]byte{c.seal(handshake, keyUpdate[:2]), c.update(c.seal(handshake, keyUpdate[2:]))}
		}},
		{"new keys again and again", func(c *sealer) (all [][]byte) {
			for range 10 {
				all = append(all, c.update(c.seal(handshake, keyUpdateBoth)))
			}
			return all
		}},
		{"an empty record", func(c *sealer) [][]byte { return [][]byte{c.seal(data, nil)} }},
		{"a warning", func(c *sealer) [][]byte { return [][]byte{c.seal(alert, userCanceled)} }},
	} {
		t.Run(row.what, func(t *testing.T) {
			s, client := serveTLS(t, tls.VersionTLS13, Options{})
			s.idle(t, 0)
			c := client.sealer(t)
			flights := row.send(c)
			for i, b := range flights {
				client.send(t, b)
				s.idle(t, int64(i)+1)
			}
			client.send(t, c.seal(data, masked(text, []byte("end"))))
			if got := s.next(t); got != "end" {
				t.Errorf("got %q", got)
			}
			if n := s.waits.Load(); n > int64(len(flights))+1 {
				t.Errorf("something came %d times, want %d", n, len(flights)+1)
			}
		})
	}
	for what, send := range map[string]func(c *sealer) (all []byte){
		"new keys without an end": func(c *sealer) (all []byte) {
			for range 100 {
				all = append(all, c.update(c.seal(handshake, keyUpdateBoth))...)
			}
			return all
		},
		// crypto/tls tells only once of what is out of place there.
		"a message, and a handshake's": func(c *sealer) []byte {
			return append(c.seal(data, masked(text, []byte("a"))), c.seal(handshake, []byte{5, 0, 0, 0})...)
		},
	} {
		t.Run(what, func(t *testing.T) {
			s, client := serveTLS(t, tls.VersionTLS13, Options{})
			_, _ = client.below.Write(send(client.sealer(t)))
			select {
			case err := <-s.over:
				if CloseCode(err) != StatusNone {
					t.Errorf("it ends with %v", err)
				}
			case <-time.After(await.Patience):
				t.Error("it goes on")
			}
		})
	}
}

// Clients that begin a record, and go no further, hold up nobody: what waits for them is
// what waits for others. They may go on at any time.
func TestUnfinishedRecords(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		type slow struct {
			*served
			client *recordClient
			rest   []byte
		}
		var all []slow
		for i := range 15 {
			s, client := serveTLS(t, version, Options{})
			b := client.record(masked(text, fmt.Append(nil, i)))
			n := 1 + i*len(b)/16
			client.send(t, b[:n])
			all = append(all, slow{s, client, b[n:]})
		}
		for _, s := range all {
			s.idle(t, 0)
		}
		for i, s := range all {
			s.client.send(t, s.rest)
			if got := s.next(t); got != strconv.Itoa(i) {
				t.Errorf("client %d has sent %q", i, got)
			}
		}
	})
}

// Whatever end the client makes is noticed, and answered as without TLS.
func TestEndsOverTLS(t *testing.T) {
	for _, row := range []struct {
		what string
		end  func(t *testing.T, s *served, c *recordClient)
		want Code
	}{
		{"a close frame", func(t *testing.T, _ *served, c *recordClient) {
			c.send(t, c.record(masked(fin|opClose, []byte{0x0f, 0xa0})))
		}, 4000},
		{"half closed by TLS", func(t *testing.T, _ *served, c *recordClient) {
			_ = c.CloseWrite() // which ends the time for writing, too
			_ = c.below.SetWriteDeadline(time.Time{})
			c.send(t, c.record(nil))
		}, StatusNone},
		{"half closed by TCP", func(_ *testing.T, _ *served, c *recordClient) { _ = c.below.(*net.TCPConn).CloseWrite() }, StatusNone},
		{"half closed within a record", func(t *testing.T, _ *served, c *recordClient) {
			c.send(t, c.record(masked(text, []byte("a")))[:7])
			_ = c.below.(*net.TCPConn).CloseWrite()
		}, StatusNone},
		{"reset", func(_ *testing.T, _ *served, c *recordClient) {
			_ = c.below.(*net.TCPConn).SetLinger(0)
			_ = c.below.Close()
		}, StatusNone},
		{"no record", func(t *testing.T, _ *served, c *recordClient) { c.send(t, []byte("GET / HTTP/1.1\r\n\r\n")) }, StatusNone},
		{"another version's record", func(t *testing.T, _ *served, c *recordClient) {
			b := c.record(masked(text, []byte("a")))
			b[1] ^= 1
			c.send(t, b)
		}, StatusNone},
		{"a changed record", func(t *testing.T, _ *served, c *recordClient) {
			b := c.record(masked(text, []byte("a")))
			b[len(b)-1] ^= 1
			c.send(t, b)
		}, StatusNone},
		{"our own", func(_ *testing.T, s *served, _ *recordClient) { s.Cut() }, StatusNone},
	} {
		t.Run(row.what, func(t *testing.T) {
			versions(t, func(t *testing.T, version uint16) {
				s, client := serveTLS(t, version, Options{})
				s.idle(t, 0)
				row.end(t, s, client)
				select {
				case err := <-s.over:
					if got := CloseCode(err); got != row.want {
						t.Errorf("closed with %d for %v, want %d", got, err, row.want)
					}
				case <-time.After(await.Patience):
					t.Error("nobody notices")
				}
			})
		})
	}
}

// A client that broke the rules is told so, though much of what it has sent was not read.
// It does not close then, and is not waited for.
func TestLingerOverTLS(t *testing.T) {
	server, client := recordPipe(t, tls.VersionTLS13)
	c, err := acceptOn(server, Options{ReadLimit: 1 << 20, QueueLimit: 1 << 20, WriteTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	client.send(t, append(client.record([]byte("no frame")), client.record(make([]byte, 200_000))...))
	s := serve(t, c)
	b, err := io.ReadAll(client.Conn)
	if err != nil || !bytes.Contains(b, []byte{fin | opClose, 2, 0x03, 0xea}) { // 1002
		t.Errorf("the client was sent %q, %v", b, err)
	}
	if err := <-s.over; !errors.Is(err, ErrProtocol) {
		t.Errorf("it ends with %v", err)
	}
}

// Heard says that all is read only when nothing is left in the kernel, in crypto/tls or
// with who reads.
func TestHeardAll(t *testing.T) {
	a, b := masked(text, []byte("a")), masked(text, []byte("b"))
	for name, connect := range map[string]func(t *testing.T) (server net.Conn, send func()){
		"TCP": func(t *testing.T) (net.Conn, func()) {
			server, client := tcpPipe(t)
			t.Cleanup(func() { _ = client.Close() })
			return server, func() { _, _ = client.Write(append(a, b...)) }
		},
		"TLS": func(t *testing.T) (net.Conn, func()) {
			server, client := recordPipe(t, tls.VersionTLS13)
			return server, func() { client.send(t, append(client.record(a), client.record(b)...)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, send := connect(t)
			c, err := acceptOn(server, Options{ReadLimit: 100, QueueLimit: 1 << 10, WriteTimeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background(), StatusNormal, "")
			defer c.Cut()
			if c.Pending() {
				t.Error("there is something to read at first")
			}
			waited := make(chan error)
			wait := func() { waited <- c.Wait() }
			all := func() bool { _, all := c.Heard(); return all }
			for range 2 {
				go wait()
				await.That(t, "that it waits", all)
				send()
				if err := <-waited; err != nil {
					t.Fatal(err)
				}
				for _, want := range []string{"a", "b"} {
					if all() {
						t.Errorf("all is heard before %q is read", want)
					}
					if !c.Pending() {
						t.Errorf("there is no %q to read", want)
					}
					if got, err := c.Read(readBuffer512); err != nil || string(got) != want {
						t.Fatalf("read %q, %v", got, err)
					}
				}
				if all() {
					t.Error("all is heard before that was dealt with")
				}
				if c.Pending() {
					t.Error("there is something to read still")
				}
			}
			go wait()
			await.That(t, "that it waits", all)
			c.Cut()
			if <-waited == nil {
				t.Error("a connection that was cut has something to read")
			}
		})
	}
}

// A client over TLS that answers is not gone, and its answers leave nobody inside of
// crypto/tls.
func TestPongOverTLS(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		var answered atomic.Int64
		s, client := serveTLS(t, version, Options{PingInterval: 1, PongTimeout: time.Hour, Answered: func() { answered.Add(1) }})
		for i := range int64(3) {
			s.Attend()
			client.send(t, client.record(masked(fin|opPong, nil)))
			s.idle(t, i+1)
			if n := answered.Load(); n != i+1 {
				t.Errorf("the owner was told of %d answers, want %d", n, i+1)
			}
		}
	})
}

// What is posted to a feed over TLS is read at once, though the client sends records which
// never end, and wakes who reads all the time.
func TestPostOverTLS(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		server, client := recordPipe(t, version)
		c := newConn(server, nil, Options{ReadLimit: 100, QueueLimit: 1 << 10, WriteTimeout: time.Minute})
		c.feed = new(feed)
		s := serve(t, c)
		b := client.record(make([]byte, 1000))
		for i := range 300 {
			if i%10 == 0 {
				client.send(t, b[:1])
				b = b[1:]
			}
			want := strconv.Itoa(i)
			if err := c.Post(want, [][]byte{[]byte(want)}); err != nil {
				t.Fatal(err)
			}
			if got := s.next(t); got != want {
				t.Fatalf("read %q, want %q", got, want)
			}
		}
		client.send(t, b)
		if err := <-s.over; CloseCode(err) != StatusProtocolError {
			t.Errorf("it ends with %v", err)
		}
	})
}
