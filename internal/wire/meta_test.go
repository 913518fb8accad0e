package wire

import (
	"fmt"
	"testing"

	"github.com/hotsock-go/hotsock/store"
)

// The sizes of members say exactly how long their array is.
func TestMemberSize(t *testing.T) {
	for _, uid := range []string{"a", "\"quoted\"", "line\nbreak", "\x00\x1f", "é", "👍", "<&>", "\u2028", "back\\slash", "\x7f", "\xff"} {
		for _, umd := range [][]byte{nil, []byte(`{"é":"👍"}`), []byte("1")} {
			var list []store.Member
			sizes := 0
			for i := range 3 {
				m := store.Member{UID: fmt.Sprint(uid, i), UMD: umd}
				list = append(list, m)
				sizes += MemberSize(store.Meta(m))
				n := len(`[`) + len(AppendMembers(nil, list)) + len(`]`)
				if sizes > MaxMemberSizes(n) || sizes <= MaxMemberSizes(n-1) {
					t.Errorf("%d members like %q are %d bytes long, but their sizes add up to %d", i+1, uid, n, sizes)
				}
			}
		}
	}
}
