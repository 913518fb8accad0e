package storememory

import (
	"sort"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A keptMessage can be listed and reacted to until its deadline, if it has one.
type keptMessage struct {
	deadline
	message   *store.Message
	reactions *reactions // Nil if there are none.
	// replaced is how often it had been edited when an update replaced the data last,
	// and replacedBy the notice of that; zero if nothing did.
	replaced   int64
	replacedBy ulid.ULID
}

func (k *keptMessage) before(other *keptMessage) bool { return k.at.Before(other.at) }

// keptMessages are those of one channel.
type keptMessages struct {
	// list has them by id, with holes where one expired or was deleted.
	list  []keptSlot
	holes int
	// expired is the newest of those that expired.
	expired ulid.ULID
	expiry  queue[*keptMessage]
}

// A keptSlot is a place in the list; a hole if message is nil.
type keptSlot struct {
	id      ulid.ULID
	before  ulid.ULID // the item before it, which so is known for as long
	message *keptMessage
}

// add keeps a message, which is newer than all others, and follows that item.
func (k *keptMessages) add(m *store.Message, before ulid.ULID) {
	kept := &keptMessage{message: m}
	k.list = append(k.list, keptSlot{m.ID, before, kept})
	if !m.Expires.IsZero() {
		k.expiry.put(kept, m.Expires)
	}
}

// find returns a message that has not expired, or nil.
func (k *keptMessages) find(id ulid.ULID, now time.Time) *keptMessage {
	i := k.from(id)
	if i == len(k.list) || k.list[i].id != id || !k.list[i].live(now) {
		return nil
	}
	return k.list[i].message
}

// from returns the index of the first slot that is not before id.
func (k *keptMessages) from(id ulid.ULID) int {
	return sort.Search(len(k.list), func(i int) bool { return k.list[i].id.Compare(id) >= 0 })
}

// after returns the index of the first slot after id.
func (k *keptMessages) after(id ulid.ULID) int {
	return sort.Search(len(k.list), func(i int) bool { return k.list[i].id.Compare(id) > 0 })
}

func (s keptSlot) live(now time.Time) bool {
	return s.message != nil && !due(s.message.message.Expires, now)
}

// page returns what a request asks for.
func (k *keptMessages) page(h store.HistoryRequest, now time.Time) store.HistoryResult {
	first, end := k.after(h.After), len(k.list)
	if !h.Before.IsZero() {
		end = k.from(h.Before)
	}
	p := page{limit: h.Limit, maxBytes: h.MaxBytes}
	for n := end - first; n > 0; n-- {
		slot := k.list[end-n]
		if h.Reverse {
			slot = k.list[first+n-1]
		}
		if slot.live(now) && !p.add(slot.message.message) {
			break
		}
	}
	return store.HistoryResult{Messages: p.messages, More: p.more}
}

// count returns how many messages follow an id.
func (k *keptMessages) count(r store.CountRequest, now time.Time) (count int) {
	for _, slot := range k.list[k.after(r.After):] {
		if slot.live(now) {
			if count++; count == r.Limit {
				break
			}
		}
	}
	return count
}

// expire removes what has expired, so much at the most.
func (k *keptMessages) expire(now time.Time, limit int) {
	for range limit {
		m, ok := k.expiry.takeDue(now)
		if !ok {
			break
		}
		id := m.message.ID
		k.dig(id)
		if id.Compare(k.expired) > 0 {
			k.expired = id
		}
	}
	if k.holes > len(k.list)/2 {
		k.closeHoles()
	}
}

// remove removes a message that is there.
func (k *keptMessages) remove(m *keptMessage) {
	k.expiry.remove(m)
	k.dig(m.message.ID)
	if k.holes > len(k.list)/2 {
		k.closeHoles()
	}
}

// dig makes a hole of a slot.
func (k *keptMessages) dig(id ulid.ULID) {
	k.list[k.from(id)].message = nil
	k.holes++
}

func (k *keptMessages) closeHoles() {
	var list []keptSlot
	if n := len(k.list) - k.holes; n > 0 {
		list = make([]keptSlot, 0, n+n/4)
	}
	for _, s := range k.list {
		if s.message != nil {
			list = append(list, s)
		}
	}
	k.list, k.holes = list, 0
}
