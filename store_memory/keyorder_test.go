package storememory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKeyOrder adds and removes keys at random, more than one list has, and
// compares with a sorted list.
func TestKeyOrder(t *testing.T) {
	var o keyOrder
	var want []string
	random := rand.New(rand.NewPCG(1, 2))
	check := func() {
		t.Helper()
		for _, from := range []string{"", "0", fmt.Sprint(random.IntN(5000)), "5", "9999", "x"} {
			i, _ := slices.BinarySearch(want, from)
			if diff := cmp.Diff(want[i:], slices.Collect(o.from(from)), cmp.Transformer("", func(s []string) string { return fmt.Sprint(s) })); diff != "" {
				t.Fatalf("from %q, of %d (-want +got):\n%s", from, len(want), diff)
			}
		}
		for _, l := range o.lists {
			if len(l) == 0 || len(l) > maxRun {
				t.Fatalf("a list of %d", len(l))
			}
		}
	}
	for _, adding := range []int{90, 10, 70, 0} { // percent
		for step := range 4000 {
			key := fmt.Sprint(random.IntN(5000))
			i, there := slices.BinarySearch(want, key)
			switch {
			case random.IntN(100) < adding:
				if !there {
					want = slices.Insert(want, i, key)
					o.add(key)
				}
			case there:
				want = slices.Delete(want, i, i+1)
				o.remove(key)
			default:
				o.remove(key) // is not there
			}
			if step%400 == 0 {
				check()
			}
		}
		check()
	}
	for len(want) > 0 {
		o.remove(want[0])
		want = want[1:]
	}
	check()
	if len(o.lists) > 0 {
		t.Errorf("%d lists of nothing", len(o.lists))
	}
}
