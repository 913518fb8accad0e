package permission

import (
	"testing"

	"github.com/hotsock-go/hotsock/token"
)

func TestStrongest(t *testing.T) {
	const u, a, d = token.Unset, token.Allow, token.Deny
	itself := func(p token.Permission) token.Permission { return p }
	for _, test := range []struct {
		keys []token.Permission
		from int
		want Effective[token.Permission]
		why  string
	}{
		{nil, 0, Effective[token.Permission]{u, -1}, "no keys"},
		{[]token.Permission{u, u}, 0, Effective[token.Permission]{u, -1}, "none says anything"},
		{[]token.Permission{u, a, a}, 0, Effective[token.Permission]{a, 1}, "the first that says so"},
		{[]token.Permission{a, d, d}, 0, Effective[token.Permission]{d, 1}, "one Deny denies"},
		{[]token.Permission{d, u, a}, 1, Effective[token.Permission]{a, 2}, "keys before the index say nothing"},
	} {
		if got := strongest(test.keys, test.from, itself); got != test.want {
			t.Errorf("%v from %d: %v, want %v: %s", test.keys, test.from, got, test.want, test.why)
		}
	}
}

func TestMostSpecific(t *testing.T) {
	positive := func(n int) (int, bool) { return n, n > 0 }
	for _, test := range []struct {
		keys []int
		want Effective[int]
	}{
		{nil, Effective[int]{0, -1}},
		{[]int{0, 0}, Effective[int]{0, -1}},
		{[]int{0, 2, 3}, Effective[int]{2, 1}},
	} {
		if got := mostSpecific(test.keys, positive); got != test.want {
			t.Errorf("%v: %v, want %v", test.keys, got, test.want)
		}
	}
}
