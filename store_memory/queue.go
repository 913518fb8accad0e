package storememory

import "time"

// shrinkFrom is the size below which no queue is worth being made smaller.
const shrinkFrom = 64

// A deadline is embedded in what waits in a queue.
type deadline struct {
	at time.Time
	// position in the queue's heap, from 1; 0 outside.
	position int
}

func (d *deadline) waiting() *deadline { return d }

type waiter[T any] interface {
	comparable
	waiting() *deadline
	// before says which of two comes first; it goes by their deadlines.
	before(other T) bool
}

// A queue holds things that wait for a time, the next one first: a binary heap
// whose elements know where they are, so that they can be moved and removed.
// The zero value is empty.
type queue[T waiter[T]] struct {
	heap []T
}

// put adds x, or moves it if it is there.
func (q *queue[T]) put(x T, at time.Time) {
	w := x.waiting()
	w.at = at
	if w.position == 0 {
		q.heap = append(q.heap, x)
		w.position = len(q.heap)
	}
	q.up(w.position - 1)
	q.down(w.position - 1)
}

// remove takes x out; nothing happens if it is not there.
func (q *queue[T]) remove(x T) {
	w := x.waiting()
	if w.position == 0 {
		return
	}
	i, last := w.position-1, len(q.heap)-1
	q.swap(i, last)
	var none T
	q.heap[last] = none
	q.heap = q.heap[:last]
	w.position = 0
	if i < last {
		q.up(i)
		q.down(i)
	}
	if cap(q.heap) > shrinkFrom && last < cap(q.heap)/4 {
		q.heap = append(make([]T, 0, 2*last), q.heap...)
	}
}

// first returns what comes next.
func (q *queue[T]) first() (x T, ok bool) {
	if len(q.heap) == 0 {
		return x, false
	}
	return q.heap[0], true
}

// next returns when that is, or never.
func (q *queue[T]) next() time.Time {
	if len(q.heap) == 0 {
		return never
	}
	return q.heap[0].waiting().at
}

// takeDue takes the next one out if its time has come.
func (q *queue[T]) takeDue(now time.Time) (x T, ok bool) {
	if len(q.heap) == 0 || !due(q.heap[0].waiting().at, now) {
		return x, false
	}
	x = q.heap[0]
	q.remove(x)
	return x, true
}

func (q *queue[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(q.heap[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *queue[T]) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.heap); child++ {
			if q.heap[child].before(q.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}

func (q *queue[T]) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].waiting().position = i + 1
	q.heap[j].waiting().position = j + 1
}

var (
	// never is the zero time: as a deadline, none.
	never time.Time
	// longAgo is a deadline that has been reached.
	longAgo = time.Unix(0, 0)
)

// due says whether a deadline has been reached.
func due(at, now time.Time) bool {
	return !at.IsZero() && !now.Before(at)
}
