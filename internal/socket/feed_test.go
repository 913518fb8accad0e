package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"
	"time"
)

// What a client may have waiting to be read is bounded, however short its messages are.
func TestPostedRoom(t *testing.T) {
	for _, tt := range []struct {
		why     string
		message []byte
		many    int // in a request
		most    int // messages that wait
	}{
		{"long ones", bytes.Repeat([]byte("x"), 64<<10), 1, 4},
		{"short ones", []byte("{}"), 1, 4096},
		{"some without a byte", nil, 1, 4096},
		{"many without a byte in each request", nil, 1000, 5000},
	} {
		t.Run(tt.why, func(t *testing.T) {
			server, client := net.Pipe()
			defer client.Close()
			c := newConn(server, nil, Options{ReadLimit: 128 << 10})
			defer c.Cut()
			c.feed = new(feed)
			request := make([][]byte, tt.many)
			for i := range request {
				request[i] = tt.message
			}
			var err error
			taken := 0
			for err == nil && taken <= 2*tt.most {
				if err = c.Post(strconv.Itoa(taken), request); err == nil {
					taken += tt.many
				}
			}
			if !errors.Is(err, ErrBehind) || taken > tt.most || taken < tt.most/2 {
				t.Fatalf("%d messages wait: %v", taken, err)
			}
			for range taken {
				if _, err := c.Read(func() []byte { return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if c.feed.size != 0 || c.feed.posted != nil {
				t.Errorf("%d bytes wait, and no message, with room for %d", c.feed.size, cap(c.feed.posted))
			}
			if err := c.Post(strconv.Itoa(taken), request); err != nil {
				t.Errorf("after all were read: %v", err)
			}
		})
	}
}

// What comes again, because the answer to it was lost, is read once.
func TestPostedAgain(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	c := newConn(server, nil, Options{ReadLimit: 128 << 10})
	defer c.Cut()
	c.feed = new(feed)
	for _, id := range []string{"a", "b", "a", "b", "c", "", ""} {
		if err := c.Post(id, [][]byte{[]byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.feed.posted); n != 5 {
		t.Errorf("%d messages wait, want 5", n)
	}
}

// A client that closes a feed by another request still reads, and gets what was on its
// way: the answers to what it has sent before.
func TestPostedClose(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	c := newConn(server, nil, Options{ReadLimit: 128 << 10, WriteTimeout: time.Minute, QueueLimit: 1 << 10})
	defer c.Cut()
	c.feed = new(feed)
	answer := func(text string) { c.Send(Finish(append(Start(len(text)), text...))) }
	answer("1") // is being written
	answer("2") // waits
	if err := c.PostClose(StatusNormal); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(func() []byte { return nil })
	if code := CloseCode(err); code != StatusNormal {
		t.Fatalf("Read: %v", err)
	}
	go c.Close(context.Background(), StatusNormal, "")
	const want = "data: 1\n\ndata: 2\n\nevent: close\ndata: {\"code\":1000,\"reason\":\"\"}\n\n"
	if got, err := io.ReadAll(client); string(got) != want {
		t.Errorf("the client gets %q (%v), want %q", got, err, want)
	}
}
