package storememory

import "testing"

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
