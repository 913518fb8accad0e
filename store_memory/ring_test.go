package storememory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

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
