package socket

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

// Connections that break anywhere, while everything is done with them at once, end
// without a trace; what a client is sent until then is whole and in order, and
// complete if the connection is closed rather than broken.
func TestBreakAnywhere(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T) (server, client net.Conn){
		"TCP": tcpPipe, "pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() }, "TLS": tlsPipe,
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, f *Flusher) {
				var all sync.WaitGroup
				b := NewBudget(1 << 40)
				for range 8 {
					all.Go(func() {
						for range 8 {
							server, client := connect(t)
							breakAnywhere(t, f, b, server, client)
						}
					})
				}
				all.Wait()
				if n := b.Waiting(); n != 0 || len(b.conns) != 0 {
					t.Errorf("%d bytes of %d connections count still", n, len(b.conns))
				}
			})
		})
	}
}

const (
	senders     = 3
	eachSends   = 60
	longestSent = 3000 // bytes
)

// numbered are the frames of each sender. Compressing them takes most of the time.
var numbered = sync.OnceValue(func() (frames [senders][eachSends]Frame) {
	for s := range senders {
		for i := range eachSends {
			frames[s][i] = textFrame(fmt.Sprintf("%d %d %0*d", s, i, rand.IntN(longestSent), 0))
		}
	}
	return frames
})

func breakAnywhere(t *testing.T, f *Flusher, b *Budget, server, client net.Conn) {
	// What happens, and after how much.
	const (
		closes = iota
		closesWhileSending
		cuts
		clientBreaks
		clientCloses
		clientStalls
		events
	)
	event := rand.IntN(events)
	slow := make(chan struct{}, 1)
	timeout := time.Minute
	if event == clientStalls {
		timeout = 50 * time.Millisecond
	}
	c, err := acceptOn(server, Options{
		ReadLimit: 1 << 16, QueueLimit: 1 << 20, WriteTimeout: timeout, Flusher: f, Budget: b, Compress: rand.IntN(2) == 0,
		TooSlow: func() { slow <- struct{}{} },
	})
	if err != nil {
		t.Error(err)
		return
	}
	var busy, sending sync.WaitGroup
	busy.Go(func() {
		err := c.Wait()
		for err == nil {
			_, err = c.Read(readBuffer512)
		}
		c.Close(context.Background(), CloseCode(err), "")
	})
	for s := range senders {
		sending.Go(func() {
			for i := range eachSends {
				if s == 0 {
					c.SendAll([]Frame{numbered()[s][i]})
				} else {
					c.Send(numbered()[s][i])
				}
			}
		})
	}
	busy.Go(func() {
		sending.Wait()
		if event == closes {
			c.Close(context.Background(), StatusGoingAway, "")
		}
	})
	busy.Go(func() {
		await.Pass(rand.N(3*time.Millisecond), "so that it happens at any moment")
		switch event {
		case closesWhileSending:
			c.Close(context.Background(), StatusGoingAway, "")
		case cuts:
			c.Cut()
		case clientStalls:
			select {
			case <-slow:
			case <-time.After(150 * time.Millisecond): // The kernel may have taken everything.
			}
			c.Close(context.Background(), StatusTryAgainLater, "")
		}
	})
	busy.Go(func() {
		for {
			frames := [][]byte{
				masked(fin|opPing, []byte("x")), masked(text, []byte("a")), masked(opText, []byte("b")), masked(fin, []byte("c")),
			}
			for _, b := range frames {
				if _, err := client.Write(b); err != nil {
					return
				}
			}
			await.Pass(rand.N(time.Millisecond), "until the client sends again")
		}
	})

	in := bufio.NewReaderSize(client, 256)
	closed := false
	var got [senders]int
	if _, err := http.ReadResponse(in, nil); err == nil {
		for n := rand.IntN(senders * eachSends); ; n-- {
			if n == 0 && event == clientBreaks {
				_, _ = in.Discard(rand.IntN(100))
				break
			}
			if n == 0 && event == clientStalls {
				await.Pass(rand.N(300*time.Millisecond), "while the client reads nothing")
			}
			if n == 0 && event == clientCloses {
				_, _ = client.Write(masked(fin|opClose, nil)) // perhaps within a message, which breaks the rules
			}
			frame, err := readFrame(in)
			if closed && err == nil {
				t.Errorf("%x follows the close frame", frame.first)
			}
			if err != nil {
				break
			}
			switch frame.first {
			case text | rsv1: // too short to be told apart from the others
				b, err := inflated(nil, frame.payload, 1<<16)
				if err != nil {
					t.Errorf("a frame is torn: %v", err)
				}
				inOrder(t, &got, b)
			case text:
				inOrder(t, &got, frame.payload)
			case fin | opPong:
			case fin | opClose:
				closed = true
				if event == closes && Code(binary.BigEndian.Uint16(frame.payload)) != StatusGoingAway {
					t.Errorf("closed with %x", frame.payload)
				}
				_, _ = client.Write(masked(fin|opClose, frame.payload))
			default:
				t.Errorf("sent frame %x", frame.first)
			}
		}
	}
	_ = client.Close()
	sending.Wait()
	busy.Wait()
	c.Close(context.Background(), StatusNormal, "")
	if event == closes && (!closed || got != [senders]int{eachSends, eachSends, eachSends}) {
		t.Errorf("%v messages came before the close frame, which came: %v", got, closed)
	}
	if n := c.Queued(); n != 0 {
		t.Errorf("%d bytes are queued", n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stall.on || c.stall.timer != nil && c.stall.timer.Stop() {
		t.Error("a timer is left")
	}
}

// inOrder checks that a message is its sender's next.
func inOrder(t *testing.T, got *[senders]int, message []byte) {
	var s, i int
	if n, err := fmt.Sscan(string(message), &s, &i); n != 2 || err != nil || s >= senders || got[s] != i {
		t.Errorf("got %.20q after %v", message, *got)
		return
	}
	got[s]++
}
