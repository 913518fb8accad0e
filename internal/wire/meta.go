package wire

import "github.com/hotsock-go/hotsock/store"

// appendMeta appends a sender: {"uid":…,"umd":…}, with null for what is
// missing.
func appendMeta(b []byte, m store.Meta) []byte {
	b = append(b, `{"uid":`...)
	if m.UID == "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, m.UID)
	}
	b = append(b, `,"umd":`...)
	b = appendValue(b, m.UMD)
	return append(b, '}')
}

// AppendMember appends a member of a presence channel.
func AppendMember(b []byte, m store.Member) []byte { return appendMeta(b, store.Meta(m)) }

// AppendMembers appends members with commas between them.
func AppendMembers(b []byte, members []store.Member) []byte {
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendMember(b, m)
	}
	return b
}

// AppendList appends what is encoded already, with commas in between.
func AppendList(b []byte, encoded [][]byte) []byte {
	for i, e := range encoded {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return b
}

// MemberSize is how many bytes a member adds to the array of members: its own,
// and a comma.
func MemberSize(m store.Meta) int {
	var scratch [256]byte
	return len(appendMeta(scratch[:0], m)) + len(",")
}

// MaxMemberSizes is what the sizes of members may add up to if their array may
// have so many bytes.
func MaxMemberSizes(bytes int) int {
	return bytes - len("[]") + len(",") // No comma follows the last member.
}
