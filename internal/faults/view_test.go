package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// A view is what one subscriber has seen of one channel.
type view struct {
	who, channel string

	mu       sync.Mutex
	segments []*segment
	// last is the id to catch up from.
	last    string
	members []string
	changes []change
	// scheduled counts messages of writes, by payload.
	scheduled map[string]int
	// subscribedAt is when the last hotsock.subscribed came, and recovered how
	// many said true, and lost how many said false.
	subscribedAt    time.Time
	recovered, lost int
	// lostAt is when it was said last that something may be missing, and late how
	// many messages were missing that were told of only after newer ones.
	lostAt time.Time
	late   int
}

// A segment is a stretch in which the server promised that nothing is missing.
type segment struct {
	// start is the id after which it begins. With open, it is not known, and
	// is that of the first message.
	start string
	open  bool
	seen  []seen
}

type seen struct {
	id, payload string
	at          time.Time
}

// A change is one of the members of a presence channel.
type change struct {
	kind, uid, id string
	at            time.Time
}

// hear takes a frame of the channel.
func (v *view) hear(f frame) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch f.Event {
	case "hotsock.subscribed":
		v.subscribed(f)
	case "hotsock.memberAdded", "hotsock.memberUpdated", "hotsock.memberRemoved":
		var d struct {
			Member  struct{ UID string }
			Members []struct{ UID string }
		}
		_ = json.Unmarshal(f.Data, &d)
		v.changes = append(v.changes, change{f.Event, d.Member.UID, f.ID, time.Now()})
		v.members = v.members[:0]
		for _, m := range d.Members {
			v.members = append(v.members, m.UID)
		}
	case "scheduled":
		var payload string
		_ = json.Unmarshal(f.Data, &payload)
		if v.scheduled == nil {
			v.scheduled = make(map[string]int)
		}
		v.scheduled[payload]++
	case "m":
		var payload string
		_ = json.Unmarshal(f.Data, &payload)
		if len(v.segments) == 0 {
			v.segments = append(v.segments, &segment{open: true}) // The check tells.
		}
		s := v.segments[len(v.segments)-1]
		s.seen = append(s.seen, seen{f.ID, payload, time.Now()})
		v.last = f.ID
	}
}

func (v *view) subscribed(f frame) {
	var d struct {
		Recovered *bool
		LastID    string
		Members   []struct{ UID string }
	}
	_ = json.Unmarshal(f.Data, &d)
	v.subscribedAt = time.Now()
	v.members = v.members[:0]
	for _, m := range d.Members {
		v.members = append(v.members, m.UID)
	}
	if d.Recovered != nil && *d.Recovered {
		v.recovered++
		return
	}
	if d.Recovered != nil {
		v.lost++
		v.lostAt = v.subscribedAt
	}
	v.segments = append(v.segments, &segment{start: d.LastID, open: d.LastID == ""})
	v.last = d.LastID
}

// after is the last id as hotsock.subscribe takes it.
func (v *view) after() any {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == "" {
		return nil
	}
	return v.last
}

// reached reports whether the view has the message, or begins after it.
func (v *view) reached(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.segments) == 0 {
		return false
	}
	s := v.segments[len(v.segments)-1]
	return s.start >= id || len(s.seen) > 0 && s.seen[len(s.seen)-1].id >= id
}

// losses is how often the view was told that something may be missing.
func (v *view) losses() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lost
}

func (v *view) uids() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(slices.Values(v.members))
}

func (v *view) removed() map[string]int { return v.kind("hotsock.memberRemoved") }

func (v *view) kind(kind string) map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := make(map[string]int)
	for _, c := range v.changes {
		if c.kind == kind {
			n[c.uid]++
		}
	}
	return n
}

func timeOf(id string) time.Time {
	u, _ := ulid.ParseStrict(id) // Else it is no time at all.
	return ulid.Time(u.Time())
}

// check returns what a view shows of broken promises: that every acknowledged
// message is there once and in order, where nothing was said to be missing, and
// none that was published after it had been refused. One that Redis had accepted
// before, but whose reply did not come in time, is noted. After a failover, what
// it lost may be told of at any time after the acknowledgement.
func (v *view) check(j *journal, failover bool) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	var wrong []string
	v.late = 0
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s on %s: ", v.who, v.channel)+fmt.Sprintf(format, args...))
	}
	have := make(map[string]int)
	last := ""
	for i, s := range v.segments {
		for _, m := range s.seen {
			if m.id <= last {
				bad("%s (%s) came after %s", m.id, m.payload, last)
			}
			last = m.id
			have[m.payload]++
			p := j.sent[m.payload]
			switch {
			case p == nil:
				bad("%s was never published: %q", m.id, m.payload)
			case p.channel != v.channel:
				bad("%s is of another channel: %q", m.id, m.payload)
			case p.fate == refused && timeOf(m.id).Before(p.at.Add(p.took)):
				p.accepted, p.id = true, m.id
			case p.fate == refused:
				bad("%s was refused as UNAVAILABLE: %q, sent at %s, after %v", m.id, m.payload, p.at.Format(time.StampMilli), p.took)
			case p.fate == acknowledged && p.id != m.id:
				bad("%q has the id %s, %s was acknowledged", m.payload, m.id, p.id)
			case have[m.payload] > 1:
				bad("%q came %d times, now as %s", m.payload, have[m.payload], m.id)
			}
		}
		if len(s.seen) == 0 && s.open {
			continue
		}
		start, end := s.start, s.start
		if s.open {
			start = s.seen[0].id
		}
		if len(s.seen) > 0 {
			end = s.seen[len(s.seen)-1].id
		}
		for _, p := range j.sent {
			if p.channel == v.channel && p.fate == acknowledged && p.id > start && p.id <= end && have[p.payload] == 0 {
				if failover && v.lostAt.After(p.at.Add(p.took)) {
					v.late++
					continue
				}
				bad("%s (%q, acknowledged after %v at %s) is missing between %s and %s, in segment %d of %d", p.id, p.payload,
					p.took, p.at.Add(p.took).Format(time.StampMilli), start, end, i+1, len(v.segments))
			}
		}
	}
	return wrong
}
