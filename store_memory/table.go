package storememory

import "maps"

// shrinkFrom is the size below which nothing is worth being made smaller.
const shrinkFrom = 64

// A table is a map that gives memory back when most of it has been removed,
// which a Go map never does. Read m, write with the methods. The zero value is
// empty.
type table[K comparable, V any] struct {
	m map[K]V
	// peak is the greatest length since the map was made.
	peak int
}

func (t *table[K, V]) set(k K, v V) {
	if t.m == nil {
		t.m = make(map[K]V)
	}
	t.m[k] = v
	t.peak = max(t.peak, len(t.m))
}

func (t *table[K, V]) remove(k K) {
	delete(t.m, k)
	switch n := len(t.m); {
	case n == 0:
		*t = table[K, V]{}
	case t.peak >= shrinkFrom && n < t.peak/8:
		m := make(map[K]V, n)
		maps.Copy(m, t.m)
		t.m, t.peak = m, n
	}
}
