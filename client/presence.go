package client

import (
	"bytes"
	"slices"
)

// Members returns the members of a presence channel as the client knows them,
// in the order in which they came; nil for other channels. While there is no
// connection, they are those from before. Changes that Next has not returned yet
// are included already. The slice must not be modified.
func (s *Subscription) Members() []User {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.members
}

// apply returns the list of members after a change, for those that the server
// sends without it. The list before is not modified.
func (c *MemberChange) apply(before []User) []User {
	i := slices.IndexFunc(before, func(u User) bool { return u.UID == c.Member.UID })
	switch {
	case c.Kind == MemberRemoved && i < 0:
		return before
	case c.Kind == MemberRemoved:
		return slices.Concat(before[:i], before[i+1:])
	case i < 0:
		return append(slices.Clip(before), c.Member)
	default:
		after := slices.Clone(before)
		after[i] = c.Member
		return after
	}
}

// memberChanges returns what has happened between two lists of members, as far
// as can be told.
func memberChanges(before, after []User) []Event {
	var changes []Event
	old := make(map[string]User, len(before))
	for _, m := range before {
		old[m.UID] = m
	}
	now := make(map[string]bool, len(after))
	for _, m := range after {
		now[m.UID] = true
	}
	for _, m := range before {
		if !now[m.UID] {
			changes = append(changes, MemberChange{Kind: MemberRemoved, Member: m, Members: after})
		}
	}
	for _, m := range after {
		switch was, ok := old[m.UID]; {
		case !ok:
			changes = append(changes, MemberChange{Kind: MemberAdded, Member: m, Members: after})
		case !bytes.Equal(was.UMD, m.UMD):
			changes = append(changes, MemberChange{Kind: MemberUpdated, Member: m, Members: after})
		}
	}
	return changes
}
