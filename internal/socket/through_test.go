package socket

import (
	"context"
	"net"
	"testing"
	"time"
)

// held is a connection that holds up who writes to it.
type held struct {
	net.Conn
	begun, resume chan struct{}
}

func (h held) Write(b []byte) (int, error) {
	h.begun <- struct{}{}
	<-h.resume
	return h.Conn.Write(b)
}

// holdUp makes a connection one that does so.
func holdUp(c *Conn) held {
	resume := hold(c)
	defer resume()
	h := held{c.net, make(chan struct{}, 2), make(chan struct{})}
	c.net = h
	return h
}

// oneWorker returns a Flusher with one worker, which a client could hold up.
func oneWorker(t *testing.T) *Flusher {
	if !knowsRoom {
		t.Skip("not on this system")
	}
	manyAtOnce(t, 1)
	f := new(Flusher)
	t.Cleanup(f.Close)
	return f
}

func connectTLS(t *testing.T, f *Flusher) (*Conn, net.Conn) {
	server, client := tlsPipe(t)
	c, err := acceptOn(server, Options{Flusher: f, ReadLimit: 1, QueueLimit: 1 << 20, WriteTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Cut()
		c.Close(context.Background(), StatusNormal, "")
		_ = client.Close()
	})
	return c, client
}

func (c *Conn) isShared() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shared
}

// A client that makes a write through TLS wait holds up nobody else, though there is one
// worker. It is sent everything in the end, and no worker writes to it again.
func TestWorkerIsReplaced(t *testing.T) {
	f := oneWorker(t)
	a, clientA := connectTLS(t, f)
	b, clientB := connectTLS(t, f)
	h := holdUp(a)
	a.Send(numbered()[0][0])
	<-h.begun
	a.Send(numbered()[0][1])
	for i := range 3 {
		b.Send(numbered()[0][i])
	}
	readAll(t, clientB, 3)
	close(h.resume)
	readAll(t, clientA, 2)
	if a.isShared() {
		t.Error("workers go on to write to it")
	}
}

// Many such clients do not hold up everybody else in turn: after some of them, those over
// TLS have goroutines of their own, and for a while only.
func TestWorkersAreWary(t *testing.T) {
	f := oneWorker(t)
	var all []*Conn
	var clients []net.Conn
	var slow []held
	for range 4 * mostHeldUp {
		c, client := connectTLS(t, f)
		all, clients, slow = append(all, c), append(clients, client), append(slow, holdUp(c))
	}
	b, clientB := connectTLS(t, f)
	for _, c := range append(all, b) {
		c.Send(numbered()[0][0])
	}
	readAll(t, clientB, 1)
	for _, h := range slow {
		<-h.begun
		close(h.resume)
	}
	still := 0
	for i, c := range all {
		readAll(t, clients[i], 1)
		if c.isShared() {
			still++
		}
	}
	if still < 2*mostHeldUp {
		t.Errorf("%d of %d held up a worker", len(all)-still, len(all))
	}
	long := time.Now().Add(-wary)
	f.watch.wary.Store(&long)
	if f.watch.isWary() {
		t.Error("they are so for ever")
	}
}
