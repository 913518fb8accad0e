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

	"github.com/hotsock-go/hotsock/internal/await"
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

// readAll reads the answer to the handshake and that many messages of numbered, each in its
// sender's order.
func readAll(t *testing.T, client net.Conn, n int) {
	_ = client.SetReadDeadline(time.Now().Add(await.Patience)) // an error comes when it is read
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

// No more workers help than may run, though several ask for help at the same time.
func TestHelpIsBounded(t *testing.T) {
	manyAtOnce(t, 2)
	f := new(Flusher)
	var asking sync.WaitGroup
	f.mu.Lock()
	for range 8 {
		asking.Go(f.help)
	}
	await.Pass(20*time.Millisecond, "until all have seen that nobody helps")
	f.mu.Unlock()
	asking.Wait()
	f.Close()
	if n := len(f.all); n != 1 {
		t.Errorf("%d help, where one may", n)
	}
}

// Who has helped for long, with nothing to write, goes on to help.
func TestHelpGoesOn(t *testing.T) {
	f := new(Flusher)
	w := newWorker(f, 1)
	for range 2 {
		task := make(counting, maxCredit*shareSize)
		f.shared.begin(len(task), task)
		w.sweep()
		w.sweep()
		if f.shared.open.Load() {
			t.Fatalf("there is still something to do, and the credit is %d", w.credit)
		}
		f.shared.finish()
	}
}
