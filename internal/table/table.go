// Package table has maps that are usually small and may be very large for a while.
// A Go map makes room for eight keys at once, and never gives any back.
package table

import (
	"iter"
	"maps"
	"slices"
)

const (
	// listed is how many keys are in a list, which is searched.
	listed = 4
	// shrinkFrom is the size below which no map is worth being made smaller.
	shrinkFrom = 64
)

// A Map maps keys to values. The zero value is empty. It is not safe for
// concurrent use.
type Map[K comparable, V any] struct {
	list []pair[K, V]
	m    map[K]V // instead of the list, if it is not nil
	// peak is the greatest length since m was made.
	peak int
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// Get returns the value of a key, and whether there is one.
func (t *Map[K, V]) Get(k K) (V, bool) {
	if t.m != nil {
		v, ok := t.m[k]
		return v, ok
	}
	if i := t.index(k); i >= 0 {
		return t.list[i].value, true
	}
	var none V
	return none, false
}

// Value returns the value of a key, or the zero value.
func (t *Map[K, V]) Value(k K) V {
	v, _ := t.Get(k)
	return v
}

// Has reports whether there is a key.
func (t *Map[K, V]) Has(k K) bool {
	_, ok := t.Get(k)
	return ok
}

// Len is how many keys there are.
func (t *Map[K, V]) Len() int { return len(t.list) + len(t.m) }

// All yields all keys, in no order. Meanwhile the key that it has just yielded
// may be deleted, and nothing else be changed.
func (t *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, p := range slices.Backward(t.list) { // because of Delete
			if !yield(p.key, p.value) {
				return
			}
		}
		for k, v := range t.m {
			if !yield(k, v) {
				return
			}
		}
	}
}

// Set gives a key a value.
func (t *Map[K, V]) Set(k K, v V) {
	if t.m == nil {
		if i := t.index(k); i >= 0 {
			t.list[i].value = v
			return
		}
		if len(t.list) < listed {
			t.list = append(t.list, pair[K, V]{k, v})
			return
		}
		t.m = make(map[K]V, 2*listed)
		for _, p := range t.list {
			t.m[p.key] = p.value
		}
		t.list = nil
	}
	t.m[k] = v
	t.peak = max(t.peak, len(t.m))
}

// Delete removes a key, if it is there.
func (t *Map[K, V]) Delete(k K) {
	if t.m == nil {
		if i := t.index(k); i >= 0 {
			t.list = slices.Delete(t.list, i, i+1)
		}
	} else {
		delete(t.m, k)
	}
	switch n := len(t.m); {
	case t.Len() == 0:
		*t = Map[K, V]{}
	case t.peak >= shrinkFrom && n < t.peak/8:
		m := make(map[K]V, n)
		maps.Copy(m, t.m)
		t.m, t.peak = m, n
	}
}

func (t *Map[K, V]) index(k K) int {
	return slices.IndexFunc(t.list, func(p pair[K, V]) bool { return p.key == k })
}
