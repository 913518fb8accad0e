package hotsock

import (
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// readObserved answers a read of an entry that the client observes too, or may
// meanwhile, so that it never sees an older value after a newer one. The store may be ahead
// of what is still to be delivered here; and while its answer is on the way,
// something newer may be delivered.
func (s *subscription) readObserved(key string, read func() (*store.Entry, error), answer func(*store.Entry) socket.Frame) error {
	for reads := 1; ; reads++ {
		s.beginRead(key)
		e, err := read()
		if s.endRead(e, err, reads == maxReads, answer) {
			return err
		}
	}
}

// beginRead notes from now on what the client is sent of the key.
func (s *subscription) beginRead(key string) {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	s.storageReads().reading = key
}

// noteSent notes that the client is being sent a version of an entry. The topic's
// lock must be held.
func (r *storageReads) noteSent(e *store.Entry) {
	if e.Key == r.reading {
		r.sentMeanwhile = e
	}
}

// endRead sends the answer. It returns false, and sends nothing, if the
// entry has to be read again.
func (s *subscription) endRead(e *store.Entry, err error, last bool, answer func(*store.Entry) socket.Frame) bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	sent := s.storageReads().sentMeanwhile
	s.reads.reading, s.reads.sentMeanwhile = "", nil
	switch {
	case err != nil:
		return true
	case sent != nil && e == nil && sent.Value != nil && !last:
		// A missing entry has no id that would say which came first.
		return false
	case sent != nil && (e == nil || e.ID.Compare(sent.ID) < 0):
		if e = sent; e.Value == nil { // it was cleared
			e = nil
		}
		s.conn.sock.Send(answer(e))
	case e == nil || !s.perms().Entry(e.Key).Observe:
		s.conn.sock.Send(answer(e))
	default:
		s.sendEntry(e, answer(e))
	}
	return true
}
