package storememory

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestNextID(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	at := func(ms int64, entropy ...byte) ulid.ULID {
		var id ulid.ULID
		_ = id.SetTime(uint64(now.UnixMilli() + ms))
		copy(id[6:], entropy)
		return id
	}
	full := []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255}
	for _, row := range []struct {
		why      string
		last     ulid.ULID
		fresh    bool // Of the present millisecond, with new entropy.
		expected ulid.ULID
	}{
		{"the first of all", ulid.ULID{}, true, ulid.ULID{}},
		{"the clock has moved on", at(-1, full...), true, ulid.ULID{}},
		{"the same millisecond", at(0, 7), false, at(0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1)},
		{"a carry", at(0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 255), false, at(0, 7, 0, 0, 0, 0, 0, 0, 0, 1)},
		{"the clock went back", at(5000, 7), false, at(5000, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1)},
		{"entropy overflows into the time", at(0, full...), false, at(1)},
		{"and far ahead of the clock", at(5000, full...), false, at(5001)},
	} {
		got := nextID(row.last, now)
		if got.Compare(row.last) <= 0 {
			t.Errorf("%s: %v is not greater than %v", row.why, got, row.last)
		}
		if row.fresh {
			other := nextID(row.last, now)
			if got.Time() != uint64(now.UnixMilli()) || got == other {
				t.Errorf("%s: got %v and %v, want two of the time %v", row.why, got, other, now)
			}
		} else if got != row.expected {
			t.Errorf("%s: got %v, want %v", row.why, got, row.expected)
		}
	}
	if id := nextID(ulid.ULID{}, time.Unix(-1, 0)); id.Compare(ulid.ULID{}) <= 0 {
		t.Errorf("before 1970: %v", id)
	}
}

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

// TestRing compares a ring with a slice.
func TestRing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var r ring[int]
	var model []int
	for i := range 10_000 {
		// Grows and shrinks in turns.
		if n := random.IntN(10); len(model) == 0 || (i/500%2 == 0) == (n < 8) {
			r.push(i)
			model = append(model, i)
		} else {
			if got := r.pop(); got != model[0] {
				t.Fatalf("popped %d, want %d", got, model[0])
			}
			model = model[1:]
		}
		if r.len != len(model) {
			t.Fatalf("%d elements, want %d", r.len, len(model))
		}
		if r.len > 0 {
			at := random.IntN(r.len)
			if got := r.at(at); got != model[at] {
				t.Fatalf("element %d is %d, want %d", at, got, model[at])
			}
		}
		x := random.IntN(i + 1)
		want, _ := slices.BinarySearch(model, x)
		if got := r.search(func(y int) bool { return y >= x }); got != want {
			t.Fatalf("%d is at %d, want %d", x, got, want)
		}
	}
	for r.len > 0 {
		r.pop()
	}
	if r.buf != nil {
		t.Error("an empty ring keeps its memory")
	}
}

func TestTableGivesMemoryBack(t *testing.T) {
	var table table[int, int]
	for i := range 10_000 {
		table.set(i, i)
	}
	for i := range 9_990 {
		table.remove(i)
		table.remove(i) // Again.
	}
	if table.peak > 100 {
		t.Errorf("with %d elements left the map has had %d", len(table.m), table.peak)
	}
	for i := 9_990; i < 10_000; i++ {
		if table.m[i] != i {
			t.Errorf("%d was lost", i)
		}
		table.remove(i)
	}
	if table.m != nil {
		t.Error("an empty table has a map")
	}
}
