package storeredis

import (
	"hash/fnv"
	"time"
)

// An assignment says which node works on which partition. Nodes make it from
// what the store says of them, each for itself. Two that differ for a moment do
// some work twice or late, and no harm: the scripts see to it that each thing is
// done once.
type assignment struct {
	// working and firing are the ids of the nodes, in order.
	working, firing []string
	// maintains and fires name the node of each partition, "" if there is none.
	maintains, fires [partitions]string
}

// isFor reports whether a node has anything to do in a partition.
func (a *assignment) isFor(node string, p int) bool {
	return a.maintains[p] == node || a.fires[p] == node
}

func assign(working, firing []string) *assignment {
	a := &assignment{working: working, firing: firing}
	for p := range partitions {
		a.maintains[p], a.fires[p] = responsible(working, p), responsible(firing, p)
	}
	return a
}

// responsible returns the one of the nodes that has a partition, by rendezvous
// hashing: when a node comes or goes, only its own partitions change hands.
func responsible(nodes []string, p int) string {
	best, most := "", uint64(0)
	for _, id := range nodes {
		h := fnv.New64a()
		_, _ = h.Write([]byte{byte(p)}) // It never fails.
		_, _ = h.Write([]byte(id))
		// FNV leaves its high bits, which decide, poorly mixed.
		x := h.Sum64()
		x = (x ^ x>>33) * 0xff51afd7ed558ccd
		x ^= x >> 33
		if best == "" || x > most {
			best, most = id, x
		}
	}
	return best
}

// An assigned is an assignment, the formats of its nodes, and until when both are
// trusted.
type assigned struct {
	*assignment
	formats formats
	until   time.Time
}

// current returns it, or nil if what is known is too old.
func (a *assigned) current() *assigned {
	if a != nil && time.Now().Before(a.until) {
		return a
	}
	return nil
}

// whoMaintains is the topic of the node that maintains a partition, or of all if it is
// not known.
func (s *Store) whoMaintains(p int) string {
	if a := s.assigned.Load().current(); a != nil {
		return s.keys.control(a.maintains[p])
	}
	return s.keys.control("")
}

// whoFires is the topic of the node that fires a partition's schedules, or of
// all if it is not known.
func (s *Store) whoFires(p int) string {
	if a := s.assigned.Load().current(); a != nil {
		return s.keys.control(a.fires[p])
	}
	return s.keys.control("")
}
