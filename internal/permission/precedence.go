package permission

import "github.com/hotsock-go/hotsock/token"

// An Effective value is what all keys that match say together about one claim.
type Effective[V any] struct {
	Value V
	// By is the first of the keys that say so, -1 if none says anything.
	By int
}

// strongest decides about a boolean, by the keys from the index on: one Deny
// denies, otherwise one Allow permits, and then one Own.
func strongest[K any](keys []K, from int, claim func(K) token.Permission) Effective[token.Permission] {
	e := Effective[token.Permission]{By: -1}
	for i := from; i < len(keys); i++ {
		// The values of a Permission are in the order of their strength.
		if p := claim(keys[i]); p > e.Value {
			e = Effective[token.Permission]{p, i}
		}
	}
	return e
}

// mostSpecific decides about anything else. The keys are in the order in which
// they count: the first that says something does.
func mostSpecific[K, V any](keys []K, claim func(K) (V, bool)) Effective[V] {
	for i, k := range keys {
		if v, ok := claim(k); ok {
			return Effective[V]{v, i}
		}
	}
	return Effective[V]{By: -1}
}

// A Match is a key of messages or storage that matches, and what stands under it.
type Match[C any] struct {
	Rule   int // under which of the channel's rules
	Key    string
	Claims *C
}
