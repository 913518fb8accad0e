package hotsock

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/hotsock-go/hotsock/internal/await"
)

// TestWorkers: all that is to be done is done at once, however much it is, by workers of
// which few are left over.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 10 * workerShards * maxIdleWorkers
		var w workers
		var begun, done atomic.Int32
		conns := make([]connection, many)
		for round := range int32(3) {
			proceed := make(chan struct{})
			for i := range conns {
				conns[i].secret[0] = byte(i)
				w.run(&conns[i], func(c *connection) {
					if c != &conns[i] {
						t.Error("a step of another connection")
					}
					begun.Add(1)
					<-proceed
					done.Add(1)
				})
			}
			synctest.Wait()
			if n := begun.Load(); n != (round+1)*many {
				t.Fatalf("%d steps have begun, not %d", n, (round+1)*many)
			}
			close(proceed)
			synctest.Wait()
			if n := done.Load(); n != (round+1)*many {
				t.Fatalf("%d steps are done, not %d", n, (round+1)*many)
			}
			for i := range w.shards {
				if n := len(w.shards[i].idle); n != maxIdleWorkers {
					t.Fatalf("%d workers wait, not %d", n, maxIdleWorkers)
				}
			}
		}
		var last sync.WaitGroup
		last.Add(1)
		w.run(&conns[0], func(*connection) { last.Done() })
		w.stop() // The test fails if one is left.
		last.Wait()
	})
}

// TestIdleWorkersForget: a worker that waits keeps nothing of the connection that it has
// worked for.
func TestIdleWorkersForget(t *testing.T) {
	var w workers
	t.Cleanup(w.stop)
	var all []weak.Pointer[connection]
	for range 3 { // by a new worker, and again
		c := new(connection)
		all = append(all, weak.Make(c))
		var done sync.WaitGroup
		done.Add(1)
		w.run(c, func(c *connection) {
			c.id = "known"
			done.Done()
		})
		done.Wait()
	}
	for i, c := range all {
		await.That(t, "connection "+strconv.Itoa(i)+" to be freed", func() bool {
			runtime.GC()
			return c.Value() == nil
		})
	}
}
