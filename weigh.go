package hotsock

// A vote is what all matching keys together say about a boolean.
type vote struct {
	Permission
	by int // the first of the keys that say so, -1 if none says anything
}

// weigh counts the votes of keys, from the index on: one Deny denies, otherwise
// one Allow permits.
func weigh[K any](keys []K, from int, claim func(K) Permission) vote {
	v := vote{by: -1}
	for i := from; i < len(keys); i++ {
		// The values of a Permission are in the order of their weight.
		if p := claim(keys[i]); p > v.Permission {
			v = vote{p, i}
		}
	}
	return v
}

// A pick is what the first key says that says anything.
type pick[V any] struct {
	value V
	by    int // that key, -1 if there is none
}

// first picks a value of keys that are the most specific first.
func first[K, V any](keys []K, claim func(K) (V, bool)) pick[V] {
	for i, k := range keys {
		if v, ok := claim(k); ok {
			return pick[V]{v, i}
		}
	}
	return pick[V]{by: -1}
}

// A said is what stands under one key of messages or storage that matches.
type said[C any] struct {
	rule   int // under which of the channel's rules
	key    string
	claims *C
}
