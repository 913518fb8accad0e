package table

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// It does what a Go map does, at every size.
func TestLikeAMap(t *testing.T) {
	var got Map[int, int]
	want := make(map[int]int)
	rng := rand.New(rand.NewPCG(1, 2))
	for step := range 20_000 {
		// The number of keys swings between none and some hundreds.
		keys := 1 + step%1000
		k := rng.IntN(keys)
		if rng.IntN(1000) > step%1000 {
			got.Set(k, step)
			want[k] = step
		} else {
			got.Delete(k)
			delete(want, k)
		}
		v, ok := got.Get(k)
		if w, has := want[k]; v != w || ok != has || got.Has(k) != has || got.Value(k) != w {
			t.Fatalf("step %d: key %d has %d, %v; want %d, %v", step, k, v, ok, w, has)
		}
		if got.Len() != len(want) {
			t.Fatalf("step %d: %d keys, want %d", step, got.Len(), len(want))
		}
		if step%97 == 0 {
			if d := cmp.Diff(want, maps.Collect(got.All())); d != "" {
				t.Fatalf("step %d (-want +got):\n%s", step, d)
			}
		}
	}
	for range got.All() {
		break // must not go on
	}
}

// What is yielded may be deleted, and what is left is yielded all the same.
func TestDeleteWhatIsYielded(t *testing.T) {
	for _, n := range []int{1, listed, listed + 1, 1000} {
		var table Map[int, int]
		for i := range n {
			table.Set(i, i)
		}
		seen := make(map[int]int)
		for k := range table.All() {
			seen[k]++
			if k%8 != 0 {
				table.Delete(k)
			}
		}
		for k := range n {
			if seen[k] != 1 || table.Has(k) != (k%8 == 0) {
				t.Errorf("of %d, key %d was yielded %d times; it is there: %v", n, k, seen[k], table.Has(k))
			}
		}
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	var table Map[int, int]
	for i := range 10_000 {
		table.Set(i, i)
	}
	for i := range 9_990 {
		table.Delete(i)
		table.Delete(i) // Again.
	}
	if table.peak > 100 {
		t.Errorf("with %d keys left the map has had %d", table.Len(), table.peak)
	}
	for i := 9_990; i < 10_000; i++ {
		if table.Value(i) != i {
			t.Errorf("%d was lost", i)
		}
		table.Delete(i)
	}
	if table.m != nil || table.list != nil {
		t.Error("an empty one has memory")
	}
}

// A few keys take no map.
func TestFewKeysTakeLittle(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		var table Map[string, *int]
		table.Set("one", nil)
	})
	if n != 1 {
		t.Errorf("one key takes %v allocations", n)
	}
}

// It does what a list and a Go map do, at every size.
func TestOrdered(t *testing.T) {
	var got Ordered[int, int]
	var keys []int
	values := make(map[int]int)
	rng := rand.New(rand.NewPCG(1, 2))
	for step := range 20_000 {
		k := rng.IntN(1 + step%1000)
		if rng.IntN(1000) > step%1000 {
			got.Set(k, step)
			if _, ok := values[k]; !ok {
				keys = append(keys, k)
			}
			values[k] = step
		} else {
			got.Delete(k)
			delete(values, k)
			keys = slices.DeleteFunc(keys, func(other int) bool { return other == k })
		}
		if v, ok := got.Get(k); v != values[k] || ok != slices.Contains(keys, k) || got.Value(k) != v || got.Len() != len(keys) {
			t.Fatalf("step %d: %d is %v, %v of %d", step, k, v, ok, got.Len())
		}
		if step%50 == 0 {
			var listed []int
			for k, v := range got.All() {
				if listed = append(listed, k); v != values[k] {
					t.Fatalf("step %d: %d is %d, want %d", step, k, v, values[k])
				}
			}
			if diff := cmp.Diff(keys, listed); diff != "" {
				t.Fatalf("step %d (-want +got):\n%s", step, diff)
			}
		}
	}
}

// Keys that come and go beside many that stay cost little, and leave no room behind.
func TestOrderedIsCompact(t *testing.T) {
	const many = 10_000
	var o Ordered[int, int]
	for i := range many {
		o.Set(i, i)
	}
	for i := range 20 * many {
		o.Set(many+i, i)
		if o.Delete(many + i - 1); i == 0 {
			o.Set(many-1, 0)
		}
	}
	if n := len(o.slots); n > 2*many {
		t.Errorf("%d slots for %d keys", n, o.Len())
	}
	for i := range many {
		o.Delete(i)
	}
	if n := cap(o.slots); n > shrinkFrom {
		t.Errorf("room for %d where there are %d", n, o.Len())
	}
}
