// Package recent remembers what was used recently, within a bound.
package recent

// A Cache maps keys to values. It holds two generations: when the younger has
// grown to half of the bound, the older is dropped and the younger takes its
// place. So what is in use stays, and no list is kept of what was used when.
//
// The zero Cache holds nothing; see [New]. A Cache is not safe for concurrent
// use.
type Cache[K comparable, V any] struct {
	young, old map[K]item[V]
	weight     int // of young
	half       int
}

type item[V any] struct {
	value  V
	weight int
}

// New returns a cache for values that together weigh no more than bound.
func New[K comparable, V any](bound int) Cache[K, V] {
	return Cache[K, V]{half: bound / 2}
}

// Get returns the value for a key, and whether there is one.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	if it, ok := c.young[key]; ok {
		return it.value, true
	}
	it, ok := c.old[key]
	if ok {
		delete(c.old, key)
		c.Add(key, it.value, it.weight)
	}
	return it.value, ok
}

// Add remembers a value that Get did not find. One that weighs more than half
// of the bound is not remembered.
func (c *Cache[K, V]) Add(key K, value V, weight int) {
	if weight > c.half {
		return
	}
	if c.weight+weight > c.half {
		c.old, c.young, c.weight = c.young, nil, 0
	}
	if c.young == nil {
		c.young = make(map[K]item[V])
	}
	c.young[key] = item[V]{value, weight}
	c.weight += weight
}

// Remove forgets a key.
func (c *Cache[K, V]) Remove(key K) {
	if it, ok := c.young[key]; ok {
		delete(c.young, key)
		c.weight -= it.weight
	}
	delete(c.old, key)
}
