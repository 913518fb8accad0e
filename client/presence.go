package client

import (
	"bytes"
	"errors"
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

// apply returns the list of members after changes that were told together. The list
// before is not modified.
func (d *membersChangedData) apply(before []User) []User {
	moved := make(map[string]bool, len(d.Removed)+len(d.Added))
	for _, uid := range d.Removed {
		moved[uid] = true
	}
	for _, m := range d.Added {
		moved[m.UID] = true
	}
	updated := make(map[string]User, len(d.Updated))
	for _, m := range d.Updated {
		updated[m.UID] = m
	}
	after := make([]User, 0, len(before)+len(d.Added))
	for _, m := range before {
		if u, ok := updated[m.UID]; ok {
			m = u
		}
		if !moved[m.UID] {
			after = append(after, m)
		}
	}
	return append(after, d.Added...)
}

// A pagedStart is a hotsock.subscribed whose list of members is not complete yet.
type pagedStart struct {
	frame *frame
	data  subscribedData
}

// maxPaged is how long a list of members may be, in bytes of its frames.
const maxPaged = 64 << 20

// addPage takes a further page of the list of members. mu must be held.
func (s *Subscription) addPage(n *conn, f *frame) error {
	var d membersData
	if err := f.data(&d); err != nil || s.paged == nil {
		return err
	}
	p := s.paged
	if p.frame.size += f.size; p.frame.size > maxPaged {
		return errors.New("hotsock: the server sent a list of members that does not end")
	}
	p.data.Members = append(p.data.Members, d.Members...)
	if d.More {
		return nil
	}
	s.paged = nil
	return s.start(n, p.frame, &p.data)
}

// changeMembers takes changes that were told together. mu must be held.
func (s *Subscription) changeMembers(f *frame) error {
	var d membersChangedData
	if err := f.data(&d); err != nil {
		return err
	}
	after := d.apply(s.members)
	if s.push(f.size, memberChanges(s.members, after)...) {
		s.members = after
	}
	return nil
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
