package storeredis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// format numbers the form of what nodes write for other nodes, to be read at once or
// later. Nodes whose formats differ by 1 at most understand each other, so a minor
// version can be deployed beside the one before it, node by node, and taken back. The
// formats so far: 0 is that of 0.1.0, whose leases have no number; 2 is that of 0.2.0,
// which shares nothing with it; 3 is that of 0.3.0, in which members may linger
// and messages can be appended to.
//
// The lease of a node has the format at its end. A node that meets a living one, or
// data, that it would not understand does not join.
//
// What is new must be readable, or harmless, to nodes that do not know it:
//
//	what                         grows by               who does not know that
//	----                         --------               ----------------------
//	an item: on its topic,       kinds                  skips it, says so in the log once,
//	in streams, as the body                             and goes on behind it
//	of a kept message            fields at its end      ignores them
//	items together on a topic,   nothing: what is new
//	each with its id and the     belongs into the item
//	id before
//	a message on a control       kinds                  ignores it, says so in the log once
//	topic: due, heartbeat,       fields at the end of   ignores them
//	lost, call, answer, count    call and answer
//	the request in a call and    operations             answers that it cannot
//	its answer, in JSON          members                ignores them
//	(peers.go of the handler)
//	a channel's state            fields of the hash     leaves them
//	a member                     fields at its end      leaves them
//	a subscription, an entry,    fields at its end      ignores them, and drops them when it
//	a reaction                                          writes all of it again
//	a schedule                   kinds                  puts it off, until a node comes that
//	                                                    knows it, and says so in the log
//	                             fields at its end      ignores them
//	a lease                      parts, each after a    ignores them
//	                             full stop
//
// What grows in another way, or what an older node must not ignore, takes the next
// number, and a node writes it only if the oldest of the formats in [heartbeat.assigned],
// as long as that is current, has the number. What shares nothing with the form before
// skips a number.
//
// Scripts of two versions work on the same keys. An older one that cleans up, when a
// connection or a node has ended or something has expired, does not know what newer
// ones need for that: it gets keys of its own, which the older one leaves alone.
//
// Some things are not written, but each node computes them, and all must get the same:
// the partition and the digest of a channel, the names of keys and topics (keys.go),
// and which node looks after a partition (maintenance_assign.go). They never change;
// TestAgreement has them.
const format = 3

// formatOf is the format of the node whose incarnation it is.
func formatOf(inc string) int {
	parts := strings.Split(inc, ".")
	if len(parts) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(parts[2]) // Who writes something else is as foreign as can be.
	return n
}

// understands reports whether nodes of both formats can work together.
func understands(a, b int) bool { return max(a, b)-min(a, b) <= 1 }

var errForeign = errors.New("versions that do not understand each other cannot share a Redis")

// foreign says why a node cannot work with another one, or with what is in Redis if
// there is no other.
func foreign(other int, inc string) error {
	switch {
	case inc == "":
		return fmt.Errorf("%w: a newer one has written what is there (format %d; this one is of format %d): "+
			"start the newer version, or use another KeyPrefix", errForeign, other, format)
	case other < format:
		return fmt.Errorf("%w: node %s is of an older one (format %d; this one is of format %d): "+
			"stop all nodes of the older version first; one that was killed counts until its NodeTimeout is over", errForeign, nodeOf(inc), other, format)
	default:
		return fmt.Errorf("%w: node %s is of a newer one (format %d; this one is of format %d): "+
			"start the newer version here too", errForeign, nodeOf(inc), other, format)
	}
}

// enter makes an incarnation a member of the first partition, unless there is a node
// or data of another version that it cannot work with.
func (l *leases) enter(ctx context.Context, inc string) error {
	k := &l.n.s.keys
	known := l.parts[home].end()
	r, err := l.n.s.do(ctx, call{
		script: enterScript, part: home, keys: []any{k.leases(home), k.format()},
		args: []any{decimal(millis(l.n.o.NodeTimeout)), inc, strconv.Itoa(format)},
	})
	if err != nil {
		return err
	}
	before, until := r.record.int(), r.record.int()
	if r.record.bad {
		return errRecord
	}
	if until == 0 {
		other, whose := r.record.int(), r.record.next()
		return unavailable(foreign(int(other), whose), nil)
	}
	l.renewed(renewal{home, inc}, known, before, until)
	return nil
}

// formats are the lowest and the highest of some nodes.
type formats struct{ oldest, newest int }

// formats returns those of the nodes that share the work, and tells the log when they
// have changed. A node that stands still is not among them, and may be older.
func (h *heartbeat) formats(working []string) formats {
	was, now, strange := formats{format, format}, formats{format, format}, ""
	if a := h.assigned.Load(); a != nil {
		was = a.formats
	}
	for _, inc := range working {
		f := formatOf(inc)
		now.oldest, now.newest = min(now.oldest, f), max(now.newest, f)
		if !understands(f, format) {
			strange = inc
		}
	}
	log := h.n.s.log
	switch {
	case now == was:
	case strange != "":
		log.Error("a node of another version does harm", "err", foreign(formatOf(strange), strange))
	case now.oldest != now.newest:
		log.Info("two versions share this Redis", "oldest", now.oldest, "newest", now.newest)
	default:
		log.Info("all nodes that share this Redis are of one version again")
	}
	return now
}

// An unknownKind is the error of something of this kind, which a newer version has
// written.
type unknownKind string

func (k unknownKind) Error() string { return fmt.Sprintf("storeredis: unknown kind %q", string(k)) }

// leaveOut tells the log once of each kind of what this node passes over, because
// it does not know it.
func (n *node) leaveOut(what, kind string) {
	if _, told := n.leftOut.LoadOrStore(what+kind, true); !told {
		n.s.log.Warn("a newer version has written what this one cannot read: it is left out", "what", what, "kind", kind)
	}
}
