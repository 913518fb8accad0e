package store

import "github.com/go-json-experiment/json/jsontext"

// AppendJSON appends the member as clients see it:
// {"uid":"…","umd":…}.
func (m Member) AppendJSON(b []byte) []byte {
	return Meta(m).AppendJSON(b)
}

// AppendJSON appends the sender as clients see it: {"uid":…,"umd":…}, with
// null for what is missing.
func (m Meta) AppendJSON(b []byte) []byte {
	b = append(b, `{"uid":`...)
	if m.UID == "" {
		b = append(b, "null"...)
	} else {
		// The only error is invalid UTF-8, which is replaced.
		b, _ = jsontext.AppendQuote(b, m.UID)
	}
	b = append(b, `,"umd":`...)
	if m.UMD == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, m.UMD...)
	}
	return append(b, '}')
}

// AppendMembers appends a list of members as a JSON array.
func AppendMembers(b []byte, members []Member) []byte {
	b = append(b, '[')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = m.AppendJSON(b)
	}
	return append(b, ']')
}

// MembersSize is the length of the JSON array of members, in bytes: what
// [SubscribeRequest.MaxMembers] bounds.
func MembersSize(members []Member) int {
	n := 2 + max(0, len(members)-1)
	var scratch [256]byte
	for _, m := range members {
		n += len(m.AppendJSON(scratch[:0]))
	}
	return n
}
