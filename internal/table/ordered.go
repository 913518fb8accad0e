package table

import "iter"

// An Ordered is a map that knows the order in which its keys were added. The zero
// value is empty. It is not safe for concurrent use.
type Ordered[K comparable, V any] struct {
	// slots are in order. Where a key was deleted, one is left over until there are
	// many.
	slots []slot[K, V]
	at    Map[K, int] // in slots
}

type slot[K comparable, V any] struct {
	key   K
	value V
	used  bool
}

// Get returns the value of a key, and whether there is one.
func (o *Ordered[K, V]) Get(k K) (V, bool) {
	if i, ok := o.at.Get(k); ok {
		return o.slots[i].value, true
	}
	var none V
	return none, false
}

// Value returns the value of a key, or the zero value.
func (o *Ordered[K, V]) Value(k K) V {
	v, _ := o.Get(k)
	return v
}

// Len is how many keys there are.
func (o *Ordered[K, V]) Len() int { return o.at.Len() }

// All yields all keys in order. Nothing may be changed meanwhile.
func (o *Ordered[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, s := range o.slots {
			if s.used && !yield(s.key, s.value) {
				return
			}
		}
	}
}

// Set gives a key a value. A new key comes last, and another one keeps its place.
func (o *Ordered[K, V]) Set(k K, v V) {
	if i, ok := o.at.Get(k); ok {
		o.slots[i].value = v
		return
	}
	if len(o.slots) == cap(o.slots) && o.unused() >= max(1, len(o.slots)/8) {
		o.compact()
	}
	o.at.Set(k, len(o.slots))
	o.slots = append(o.slots, slot[K, V]{k, v, true})
}

// Delete removes a key, if it is there.
func (o *Ordered[K, V]) Delete(k K) {
	i, ok := o.at.Get(k)
	if !ok {
		return
	}
	o.at.Delete(k)
	o.slots[i] = slot[K, V]{}
	for n := len(o.slots); n > 0 && !o.slots[n-1].used; n-- {
		o.slots = o.slots[:n-1]
	}
	switch {
	case o.at.Len() == 0:
		o.slots = nil
	case len(o.slots) >= shrinkFrom && o.at.Len() < len(o.slots)/4:
		o.compact()
	}
}

func (o *Ordered[K, V]) unused() int { return len(o.slots) - o.at.Len() }

// compact removes the slots that are left over, which costs as much as there are
// keys. So there are always many of them.
func (o *Ordered[K, V]) compact() {
	n := o.at.Len()
	slots := make([]slot[K, V], 0, n+max(4, n/4))
	for _, s := range o.slots {
		if s.used {
			o.at.Set(s.key, len(slots))
			slots = append(slots, s)
		}
	}
	o.slots = slots
}
