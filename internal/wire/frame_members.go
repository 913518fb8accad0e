package wire

import (
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// AppendPresence appends hotsock.memberAdded, memberUpdated or memberRemoved. members
// appends the members after the change, with commas between them.
func AppendPresence(b []byte, channel string, c *store.PresenceChange, members func(b []byte) []byte) []byte {
	switch c.Kind {
	case store.MemberAdded:
		b = append(b, `{"event":"hotsock.memberAdded","channel":`...)
	case store.MemberUpdated:
		b = append(b, `{"event":"hotsock.memberUpdated","channel":`...)
	case store.MemberRemoved:
		b = append(b, `{"event":"hotsock.memberRemoved","channel":`...)
	}
	b = appendString(b, channel)
	b = append(b, `,"data":{"member":`...)
	b = appendMeta(b, store.Meta(c.Member))
	b = append(b, `,"members":[`...)
	b = members(b)
	return append(b, `]}}`...)
}

// AppendMemberChanged appends hotsock.memberChanged, which tells of the same
// without the list.
func AppendMemberChanged(b []byte, channel string, c *store.PresenceChange) []byte {
	b = append(b, `{"event":"hotsock.memberChanged","channel":`...)
	b = appendString(b, channel)
	switch c.Kind {
	case store.MemberAdded:
		b = append(b, `,"data":{"change":"added","member":`...)
	case store.MemberUpdated:
		b = append(b, `,"data":{"change":"updated","member":`...)
	case store.MemberRemoved:
		b = append(b, `,"data":{"change":"removed","member":`...)
	}
	b = appendMeta(b, store.Meta(c.Member))
	return append(b, `}}`...)
}

// AppendMembersPage appends hotsock.members: a page of members that are encoded, and
// whether there are more.
func AppendMembersPage(b []byte, channel string, page [][]byte, more bool) []byte {
	b = append(b, `{"event":"hotsock.members","channel":`...)
	b = appendString(b, channel)
	b = append(b, `,"data":{"members":[`...)
	b = AppendList(b, page)
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, more)
	return append(b, `}}`...)
}

// MembersChanged is what has changed in the members of a channel.
type MembersChanged struct {
	Channel string
	// Removed are uids. Updated and Added are members that are encoded. What is empty is
	// not written.
	Removed        []string
	Updated, Added [][]byte
	// Count is how many members there are.
	Count int
}

// AppendMembersChanged appends hotsock.membersChanged.
func AppendMembersChanged(b []byte, c *MembersChanged) []byte {
	b = append(b, `{"event":"hotsock.membersChanged","channel":`...)
	b = appendString(b, c.Channel)
	b = append(b, `,"data":{`...)
	if len(c.Removed) > 0 {
		b = append(b, `"removed":[`...)
		for i, uid := range c.Removed {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, uid)
		}
		b = append(b, `],`...)
	}
	if len(c.Updated) > 0 {
		b = append(b, `"updated":[`...)
		b = AppendList(b, c.Updated)
		b = append(b, `],`...)
	}
	if len(c.Added) > 0 {
		b = append(b, `"added":[`...)
		b = AppendList(b, c.Added)
		b = append(b, `],`...)
	}
	b = append(b, `"count":`...)
	b = strconv.AppendInt(b, int64(c.Count), 10)
	return append(b, `}}`...)
}
