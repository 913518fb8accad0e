package storememory

import (
	"math/rand/v2"
	"testing"
	"time"
)

type waiting struct {
	deadline
	name int
}

func (w *waiting) before(other *waiting) bool { return w.at.Before(other.at) }

// TestQueue compares a queue with a list that is searched from end to end.
func TestQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q queue[*waiting]
	all := make([]*waiting, 200)
	for i := range all {
		all[i] = &waiting{name: i}
	}
	model := make(map[*waiting]time.Time)
	for range 20_000 {
		w := all[random.IntN(len(all))]
		at := time.Unix(random.Int64N(1000), 0)
		switch random.IntN(4) {
		case 0, 1:
			q.put(w, at)
			model[w] = at
		case 2:
			q.remove(w)
			delete(model, w)
		case 3:
			got, ok := q.takeDue(at)
			wantOK := false
			least := time.Unix(1<<40, 0)
			for _, t := range model {
				if !t.After(at) {
					wantOK = true
				}
				if t.Before(least) {
					least = t
				}
			}
			if ok != wantOK || (ok && !model[got].Equal(least)) {
				t.Fatalf("took %v (%v) at %v, the first is due %v", got, ok, at, least)
			}
			if ok {
				delete(model, got)
			}
		}
		if len(q.heap) != len(model) {
			t.Fatalf("the queue has %d elements, want %d", len(q.heap), len(model))
		}
	}
	for _, w := range all {
		q.remove(w)
	}
	if c := cap(q.heap); c > shrinkFrom {
		t.Errorf("an empty queue has room for %d", c)
	}
}

func TestQueueOfNothing(t *testing.T) {
	var q queue[*waiting]
	q.remove(&waiting{})
	if _, ok := q.first(); ok {
		t.Error("an empty queue has a first")
	}
	if _, ok := q.takeDue(time.Now()); ok {
		t.Error("an empty queue has something due")
	}
	if !q.next().IsZero() {
		t.Error("an empty queue has a next time")
	}
	q.put(&waiting{}, never)
	if _, ok := q.takeDue(time.Now()); ok {
		t.Error("what is due never was due")
	}
}
