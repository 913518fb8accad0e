package hotsock

import (
	"crypto/subtle"
	"sync"
)

// connections are those of this node, by id.
type connections struct {
	mu   sync.RWMutex
	byID map[string]*connection
	// added counts all that ever were.
	added uint64
	// running counts those whose end is not complete.
	running sync.WaitGroup
}

func (cs *connections) init() { cs.byID = make(map[string]*connection) }

func (cs *connections) add(c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.byID[c.id] = c
	cs.added++
}

func (cs *connections) remove(c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.byID, c.id)
}

// get returns the connection, or nil.
func (cs *connections) get(id string) *connection {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	return cs.byID[id]
}

func (cs *connections) all() []*connection {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	all := make([]*connection, 0, len(cs.byID))
	for _, c := range cs.byID {
		all = append(all, c)
	}
	return all
}

// of returns the connections of a user.
func (cs *connections) of(uid string) []*connection {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	var its []*connection
	for _, c := range cs.byID {
		if c.uid() == uid {
			its = append(its, c)
		}
	}
	return its
}

// held returns a connection if the secret is its own.
func (cs *connections) held(id string, secret []byte) (*connection, error) {
	c := cs.get(id)
	if c == nil || subtle.ConstantTimeCompare(c.secret[:], secret) != 1 {
		return nil, refuse(CodeUnauthorized)
	}
	return c, nil
}

// calling returns a connection on whose behalf the client's HTTP API is called.
// That counts against its rate limit.
func (cs *connections) calling(id string, secret []byte) (*connection, error) {
	c, err := cs.held(id, secret)
	if err != nil {
		return nil, err
	}
	if !c.limit.tolerates() {
		c.flooded()
		return nil, refuse(CodeRateLimited)
	}
	return c, c.limit.take()
}

// wait returns when all have ended.
func (cs *connections) wait() { cs.running.Wait() }
