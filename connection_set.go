package hotsock

import (
	"crypto/subtle"
	"sync"
)

// A connectionSet has the connections of this node.
type connectionSet struct {
	mu   sync.RWMutex
	byID map[string]*connection
	// added counts all that ever were.
	added uint64
	// running counts those whose end is not complete.
	running sync.WaitGroup
}

func (set *connectionSet) init() { set.byID = make(map[string]*connection) }

func (set *connectionSet) add(c *connection) {
	set.mu.Lock()
	defer set.mu.Unlock()
	set.byID[c.id] = c
	set.added++
}

func (set *connectionSet) remove(c *connection) {
	set.mu.Lock()
	defer set.mu.Unlock()
	delete(set.byID, c.id)
}

// get returns the connection, or nil.
func (set *connectionSet) get(id string) *connection {
	set.mu.RLock()
	defer set.mu.RUnlock()
	return set.byID[id]
}

func (set *connectionSet) all() []*connection {
	set.mu.RLock()
	defer set.mu.RUnlock()
	all := make([]*connection, 0, len(set.byID))
	for _, c := range set.byID {
		all = append(all, c)
	}
	return all
}

// ofUser returns the connections of a user.
func (set *connectionSet) ofUser(uid string) []*connection {
	set.mu.RLock()
	defer set.mu.RUnlock()
	var its []*connection
	for _, c := range set.byID {
		if c.uid() == uid {
			its = append(its, c)
		}
	}
	return its
}

// authenticated returns a connection if the secret is its own.
func (set *connectionSet) authenticated(id string, secret []byte) (*connection, error) {
	c := set.get(id)
	if c == nil || subtle.ConstantTimeCompare(c.secret[:], secret) != 1 {
		return nil, refuse(CodeUnauthorized)
	}
	return c, nil
}

// forCall returns a connection on whose behalf the client's HTTP API is called.
// That counts against its rate limit.
func (set *connectionSet) forCall(id string, secret []byte) (*connection, error) {
	c, err := set.authenticated(id, secret)
	if err != nil {
		return nil, err
	}
	if !c.limiter.tolerates() {
		c.flooded()
		return nil, refuse(CodeRateLimited)
	}
	return c, c.limiter.take()
}

// wait returns when all have ended.
func (set *connectionSet) wait() { set.running.Wait() }
