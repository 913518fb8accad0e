package storememory

import (
	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// sweep removes what has expired, and what dead nodes have left. Several nodes may do it
// at the same time: what one finds, the others do not.
func (s *Store) sweep(by *node) {
	for i := range s.shards {
		s.shards[i].sweep(by)
	}
	s.tokens.expire(clock())
	for {
		dead := s.nextDead()
		if dead == nil {
			return
		}
		s.removeDead(dead, by)
	}
}

// nextDead takes a node whose time has come from the list.
func (s *Store) nextDead() *node {
	now := clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.nodes {
		if n.dead(now) {
			delete(s.nodes, id)
			return n
		}
	}
	return nil
}

// removeDead removes what a dead node has left, and reports it to another.
func (s *Store) removeDead(dead, by *node) {
	for c := range s.channels() {
		c.endSubscriptionsOf(dead, by)
		c.unlock()
	}
	dead.mu.Lock()
	connections := dead.connections
	dead.connections = table.Map[string, store.Connection]{}
	dead.mu.Unlock()
	for _, c := range connections.All() {
		by.receiver.ConnectionEnded(c)
	}
}
