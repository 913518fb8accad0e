package hotsock

import "sync"

// Workers carry out what the connections of a handler have to do now, each on a
// goroutine whose stack has grown to what that takes. The stack of a new goroutine would
// have to grow each time, which takes longer than many a command; and those that wait for
// clients would all have large ones.
type workers struct {
	shards [workerShards]workerShard
}

const (
	// workerShards spreads the lock.
	workerShards = 16
	// maxIdleWorkers is how many of a shard wait for something to do.
	maxIdleWorkers = 8
)

type workerShard struct {
	mu      sync.Mutex
	idle    []chan task // the last one has worked most lately
	stopped bool
	work    sync.WaitGroup
}

// A task is a step of a connection's life.
type task struct {
	step func(c *connection)
	c    *connection
}

// run has a step of the connection carried out. It does not wait for it.
func (w *workers) run(c *connection, step func(c *connection)) {
	s := &w.shards[c.secret[0]%workerShards]
	t := task{step, c}
	s.mu.Lock()
	if last := len(s.idle) - 1; last >= 0 {
		next := s.idle[last]
		s.idle = s.idle[:last]
		s.mu.Unlock()
		next <- t // It has room.
		return
	}
	s.mu.Unlock()
	s.work.Go(func() { s.carryOut(t) })
}

// carryOut carries out a step, and others as long as there are some.
func (s *workerShard) carryOut(t task) {
	next := make(chan task, 1)
	for ok := true; ok; t, ok = <-next {
		t.step(t.c)
		if !s.rest(next) {
			return
		}
	}
}

// rest makes a worker one that waits, unless there are enough of them.
func (s *workerShard) rest(next chan task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.idle) == maxIdleWorkers {
		return false
	}
	s.idle = append(s.idle, next)
	return true
}

// stop ends all workers, and waits for them. Nothing is to be carried out any more.
func (w *workers) stop() {
	for i := range w.shards {
		s := &w.shards[i]
		s.mu.Lock()
		s.stopped = true
		for _, next := range s.idle {
			close(next)
		}
		s.idle = nil
		s.mu.Unlock()
		s.work.Wait()
	}
}
