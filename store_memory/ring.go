package storememory

import "sort"

// A ring is a first-in first-out queue that keeps its memory while it is in
// use. The zero value is empty.
type ring[T any] struct {
	buf  []T // Its length is zero or a power of two.
	head int
	len  int
}

// at returns the i-th oldest element.
func (r *ring[T]) at(i int) T {
	return r.buf[(r.head+i)&(len(r.buf)-1)]
}

// set replaces the i-th oldest element.
func (r *ring[T]) set(i int, x T) { r.buf[(r.head+i)&(len(r.buf)-1)] = x }

func (r *ring[T]) push(x T) {
	if r.len == len(r.buf) {
		buf := make([]T, max(4, 2*len(r.buf)))
		n := copy(buf, r.buf[r.head:])
		copy(buf[n:], r.buf[:r.head])
		r.buf, r.head = buf, 0
	}
	r.buf[(r.head+r.len)&(len(r.buf)-1)] = x
	r.len++
}

// pop removes the oldest element.
func (r *ring[T]) pop() T {
	x := r.buf[r.head]
	var none T
	r.buf[r.head] = none
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.len--
	if r.len == 0 {
		*r = ring[T]{}
	}
	return x
}

// remove removes the i-th oldest element.
func (r *ring[T]) remove(i int) {
	for ; i > 0; i-- {
		r.buf[(r.head+i)&(len(r.buf)-1)] = r.at(i - 1)
	}
	r.pop()
}

// search returns the index of the first element for which f is true, which
// must then be true for all younger ones; len if there is none.
func (r *ring[T]) search(f func(T) bool) int {
	return sort.Search(r.len, func(i int) bool { return f(r.at(i)) })
}
