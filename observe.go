package hotsock

import (
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// readObserved answers a read of an entry that the client observes too, so
// that it never sees an older value after a newer one. The store may be ahead
// of what is still to be delivered here; and while its answer is on the way,
// something newer may be delivered.
func (s *subscription) readObserved(key string, read func() (*store.Entry, error), answer func(*store.Entry) socket.Frame) error {
	for reads := 1; ; reads++ {
		s.watchReading(key)
		e, err := read()
		if s.endReading(e, err, reads == maxReads, answer) {
			return err
		}
	}
}

// watchReading notes from now on what the client is sent of the key.
func (s *subscription) watchReading(key string) {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	s.read().key = key
}

// pass notes that the client is being sent a version of an entry. The topic's
// lock must be held.
func (r *storageReads) pass(e *store.Entry) {
	if e.Key == r.key {
		r.passed = e
	}
}

// endReading sends the answer. It returns false, and sends nothing, if the
// entry has to be read again.
func (s *subscription) endReading(e *store.Entry, err error, last bool, answer func(*store.Entry) socket.Frame) bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	passed := s.read().passed
	s.reads.key, s.reads.passed = "", nil
	switch {
	case err != nil:
		return true
	case passed != nil && e == nil && passed.Value != nil && !last:
		// A missing entry has no id that would say which came first.
		return false
	case passed != nil && (e == nil || e.ID.Compare(passed.ID) < 0):
		if e = passed; e.Value == nil { // it was cleared
			e = nil
		}
		s.conn.sock.Send(answer(e))
	case e == nil:
		s.conn.sock.Send(answer(nil))
	default:
		s.tell(e, answer(e))
	}
	return true
}
