package socket

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manyAtOnce lets as many goroutines run at once, whatever the machine has.
func manyAtOnce(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Whoever writes, each client is sent everything once, in the order of each sender. More
// workers than may run at once are never started, and all end with the Flusher.
func TestManyWorkers(t *testing.T) {
	const conns, frames, most = 160, 40, 4
	for name, connect := range map[string]func(t *testing.T) (server, client net.Conn){"TCP": tcpPipe, "TLS": tlsPipe} {
		t.Run(name, func(t *testing.T) {
			manyAtOnce(t, most)
			f := new(Flusher)
			b := NewBudget(1 << 40)
			var all []*Conn
			var reading, sending sync.WaitGroup
			for i := range conns {
				server, client := connect(t)
				c, err := acceptOn(server, Options{
					Flusher: f, ReadLimit: 1 << 10, QueueLimit: 1 << 30, Budget: b, WriteTimeout: time.Minute, Compress: i%2 == 0,
				})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
				reading.Go(func() { readAll(t, client, senders*frames) })
				t.Cleanup(func() {
					c.Cut()
					c.Close(context.Background(), StatusNormal, "")
					_ = client.Close()
				})
			}
			for s := range senders {
				sending.Go(func() {
					for i := range frames {
						for _, c := range all {
							c.Send(numbered()[s][i])
						}
					}
				})
			}
			sending.Wait()
			reading.Wait()
			f.Close()
			if n := len(f.all); n < 2 || n > most {
				t.Errorf("%d workers were started, where %d may run", n, most)
			}
			if n := b.Waiting(); n != 0 {
				t.Errorf("%d bytes count still", n)
			}
		})
	}
}

// readAll reads that many messages of numbered, each in its sender's order.
func readAll(t *testing.T, client net.Conn, n int) {
	in := bufio.NewReader(client)
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Error(err)
		return
	}
	var got [senders]int
	for range n {
		frame, err := readFrame(in)
		if err == nil && frame.first&rsv1 != 0 {
			frame.payload, err = inflated(nil, frame.payload, 1<<16)
		}
		if err != nil {
			t.Error(err)
			return
		}
		inOrder(t, &got, frame.payload)
	}
}

// Of connections that are added all the time none is left behind, and what has waited does
// not make a shard grow.
func TestShardsForget(t *testing.T) {
	f := new(Flusher)
	f.open(true)
	f.wake, f.closed = nil, false
	f.woken.Store(true) // so that nobody is woken
	a, b := new(Conn), new(Conn)
	f.add(a)
	for range 1000 {
		f.add(b)
		if c, left := f.take(0); c != a || left != 1 {
			t.Fatalf("took %p and left %d, want %p and 1", c, left, a)
		}
		a, b = b, a
	}
	if n := cap(f.shards[0].conns); n > 16 {
		t.Errorf("the shard has room for %d", n)
	}
	if _, left := f.take(0); left != 0 || f.ready.Load() != 0 {
		t.Errorf("%d are left, and %b is ready", left, f.ready.Load())
	}
}

// counting is a Task that counts how often each number is done.
type counting []atomic.Int32

func (c counting) Do(from, to int) {
	for i := range c[from:to] {
		c[from+i].Add(1)
	}
}

// Each number of a task is done once before Share returns, however many have one at the
// same time, and whether or not somebody helps.
func TestShare(t *testing.T) {
	for _, n := range []int{0, 1, minShared - 1, minShared, minShared + 1, 100*shareSize + 1} {
		for _, cpus := range []int{1, 4} {
			t.Run(fmt.Sprint(n, " numbers, ", cpus), func(t *testing.T) {
				manyAtOnce(t, cpus)
				f := new(Flusher)
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						for range 50 {
							task := make(counting, n)
							f.Share(n, task)
							for i := range task {
								if done := task[i].Load(); done != 1 {
									t.Errorf("%d was done %d times", i, done)
									return
								}
							}
						}
					})
				}
				all.Wait()
				f.Close()
				f.Share(n, make(counting, n)) // with nobody left who could help
			})
		}
	}
}

// A part that takes long is waited for.
func TestShareWaits(t *testing.T) {
	manyAtOnce(t, 4)
	f := new(Flusher)
	t.Cleanup(f.Close)
	begun, resume := make(chan bool, 1), make(chan struct{})
	var here atomic.Bool
	task := doing(func(from, _ int) {
		if from > 0 && here.CompareAndSwap(false, true) {
			begun <- true
			<-resume
		}
		if from == 0 {
			<-begun
			time.AfterFunc(50*time.Millisecond, func() { close(resume) })
		}
	})
	f.Share(minShared, task)
	select {
	case <-resume:
	default:
		t.Error("Share returned before all was done")
	}
}

type doing func(from, to int)

func (d doing) Do(from, to int) { d(from, to) }

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

// A client that makes a write through TLS wait holds up nobody else, though there is one
// worker. It is sent everything in the end, and no worker writes to it again.
func TestWorkerIsReplaced(t *testing.T) {
	if !knowsRoom {
		t.Skip("not on this system")
	}
	manyAtOnce(t, 1)
	f := new(Flusher)
	connect := func() (*Conn, net.Conn) {
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
	t.Cleanup(f.Close)
	a, clientA := connect()
	b, clientB := connect()
	resume := hold(a)
	h := held{a.net, make(chan struct{}, 2), make(chan struct{})}
	a.net = h
	resume()
	a.Send(numbered()[0][0])
	<-h.begun
	a.Send(numbered()[0][1])
	for i := range 3 {
		b.Send(numbered()[0][i])
	}
	readAll(t, clientB, 3)
	close(h.resume)
	readAll(t, clientA, 2)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.shared {
		t.Error("workers go on to write to it")
	}
}
