package client

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A change without the list is applied to the list before, which others have.
func TestChangeWithoutList(t *testing.T) {
	a, b, c := User{UID: "a"}, User{UID: "b"}, User{UID: "c"}
	other := User{UID: "b", UMD: []byte("1")}
	for name, row := range map[string]struct {
		change MemberChange
		want   []User
	}{
		"added":               {MemberChange{Kind: MemberAdded, Member: c}, []User{a, b, c}},
		"updated":             {MemberChange{Kind: MemberUpdated, Member: other}, []User{a, other}},
		"removed":             {MemberChange{Kind: MemberRemoved, Member: a}, []User{b}},
		"removed, and no one": {MemberChange{Kind: MemberRemoved, Member: c}, []User{a, b}},
	} {
		before := append(make([]User, 0, 9), a, b)
		if diff := cmp.Diff(row.want, row.change.apply(before)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]User{a, b}, before); diff != "" {
			t.Errorf("%s changed the list before:\n%s", name, diff)
		}
		if next := before[:3]; next[2].UID != "" {
			t.Errorf("%s wrote behind the list before", name)
		}
	}
}
