package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"sync"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// maxAdds is how often an addition is tried again that writers on other nodes were in the
// way of. Those on this node wait for each other.
const maxAdds = 30

const plainAddition = `an addition cannot be scheduled, and cannot have "ifVersion"`

// clientAdd adds a number to an entry for a client, and tells the sum if the client may
// read it.
func (sw *storeWriter) clientAdd(ctx context.Context, who *source, acc *access, in setInput) (publishResult, error) {
	perms, err := acc.permitSet(in.Key)
	if err != nil {
		return publishResult{}, err
	}
	if in.Schedule.Expression != "" || in.IfVersion != nil {
		return publishResult{}, refuseBecause(CodeInvalidRequest, plainAddition)
	}
	n, err := wire.DecodeNumber(in.Data)
	if err != nil {
		return publishResult{}, err
	}
	s := sw.clientSetRequest(who, acc, perms, in.Key, in.Data)
	if sw.opts.Hooks.BeforeSetStorage != nil {
		if err := sw.askSet(ctx, who, acc, SetStorageRequest{Add: true}, s); err != nil {
			return publishResult{}, err
		}
	}
	r, err := sw.add(ctx, who, s, n)
	if err != nil {
		return publishResult{}, forReader(err, perms.Get)
	}
	return publishResult{written: wire.Written{Entry: &r.Entry, WithData: perms.Get}}, nil
}

// serverAdd adds a number to an entry for the app.
func (sw *storeWriter) serverAdd(ctx context.Context, who *source, w serverWrite) (publishResult, error) {
	if !w.due.IsZero() || w.ifVersion != nil {
		return publishResult{}, refuseBecause(CodeInvalidRequest, plainAddition)
	}
	n, err := wire.DecodeNumber(w.data)
	if err != nil {
		return publishResult{}, err
	}
	s, err := sw.setRequestOf(who, &w)
	if err != nil {
		return publishResult{}, err
	}
	r, err := sw.add(ctx, who, s, n)
	if err != nil {
		return publishResult{}, err
	}
	return publishResult{written: wire.Written{Entry: &r.Entry, WithData: true}}, nil
}

// add writes the sum of an entry and the number, as the request says.
func (sw *storeWriter) add(ctx context.Context, who *source, s *store.SetRequest, n float64) (store.SetResult, error) {
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	key := entryName{s.Channel, s.Key}
	if err := sw.adding.lock(limited, key); err != nil {
		return store.SetResult{}, unavailable(err)
	}
	defer sw.adding.unlock(key)
	page, err := sw.node.Entries(limited, store.EntriesRequest{Channel: s.Channel, Keys: []string{s.Key}, MaxBytes: entryPage})
	if err != nil {
		return store.SetResult{}, err
	}
	there := &store.Entry{}
	if len(page.Entries) > 0 {
		there = page.Entries[0]
	}
	for tries := 1; ; tries++ {
		if s.Value, err = sum(there, n); err != nil {
			return store.SetResult{}, err
		}
		s.Digest, s.IfID = wire.Digest(s.Value), &there.ID
		r, err := sw.set(limited, who, s)
		if !r.Conflict || tries == maxAdds {
			return r, err
		}
		there = &r.Entry
	}
}

// sum returns the JSON of the entry's number and another one. No entry is 0.
func sum(e *store.Entry, n float64) ([]byte, error) {
	if e.Value != nil {
		there, err := wire.DecodeNumber(e.Value)
		if err != nil {
			return nil, &Error{Code: CodeConflict, Message: "the entry is not a number", current: e}
		}
		n += there
	}
	if math.IsInf(n, 0) {
		return nil, refuseBecause(CodeInvalidRequest, "the sum is not a number any more")
	}
	return json.Marshal(n)
}

type entryName struct{ channel, key string }

// keyLocks are locks of entries, as many as are held or waited for.
type keyLocks struct {
	mu    sync.Mutex
	locks map[entryName]*keyLock
}

type keyLock struct {
	held    chan struct{} // has an element while it is
	waiting int           // for it, or holding it
}

// lock waits no longer than the context.
func (l *keyLocks) lock(ctx context.Context, name entryName) error {
	l.mu.Lock()
	k := l.locks[name]
	if k == nil {
		if l.locks == nil {
			l.locks = make(map[entryName]*keyLock)
		}
		k = &keyLock{held: make(chan struct{}, 1)}
		l.locks[name] = k
	}
	k.waiting++
	l.mu.Unlock()
	select {
	case k.held <- struct{}{}:
		return nil
	default:
	}
	select {
	case k.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.leave(name, k)
		return errors.Join(errBusyEntry, ctx.Err())
	}
}

var errBusyEntry = errors.New("hotsock: others are changing the entry")

func (l *keyLocks) unlock(name entryName) {
	l.mu.Lock()
	k := l.locks[name]
	l.mu.Unlock()
	<-k.held
	l.leave(name, k)
}

func (l *keyLocks) leave(name entryName, k *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.waiting--; k.waiting == 0 {
		delete(l.locks, name)
	}
}
