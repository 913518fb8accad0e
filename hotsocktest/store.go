package hotsocktest

import (
	"context"

	"github.com/hotsock-go/hotsock/store"
)

// A nodeStore is the store as one node sees it: what the node publishes is
// recorded, and the way to the store can be broken.
type nodeStore struct {
	store.Store

	scheduler store.Scheduler
	published *Published
	// link is nil if the store is on a network, which has the faults itself.
	link *Link
}

func (s *nodeStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	if s.link == nil {
		n, err := s.Store.Join(ctx, r, o)
		if err != nil {
			return nil, err
		}
		return &recordingNode{Node: n, inner: n, published: s.published}, nil
	}
	held := &heldReceiver{Receiver: r, link: s.link}
	s.link.whenHealed(held.release)
	n, err := s.Store.Join(ctx, held, o)
	if err != nil {
		return nil, err
	}
	return &recordingNode{Node: &faultyNode{Node: n, link: s.link}, inner: n, published: s.published}, nil
}

func (s *nodeStore) Scheduler() store.Scheduler {
	scheduler := s.scheduler
	if s.link != nil {
		scheduler = &faultyScheduler{Scheduler: scheduler, link: s.link}
	}
	return &recordingScheduler{Scheduler: scheduler, published: s.published}
}

// A recordingNode records what it publishes.
type recordingNode struct {
	store.Node

	inner     store.Node // as the store made it
	published *Published
}

func (n *recordingNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	r, err := n.Node.Publish(ctx, p)
	if err == nil && !r.Duplicate && p.Event != markEvent {
		publication := newPublication(&p)
		publication.ID = r.ID.String()
		n.published.add(publication)
	}
	return r, err
}

// A recordingScheduler records what is scheduled.
type recordingScheduler struct {
	store.Scheduler

	published *Published
}

func (s *recordingScheduler) Start(ctx context.Context, n store.Node, fired func(store.Fired)) (func(), error) {
	// The store wants its own node back.
	return s.Scheduler.Start(ctx, n.(*recordingNode).inner, fired)
}

func (s *recordingScheduler) Add(ctx context.Context, e store.Schedule) (string, error) {
	group, err := s.Scheduler.Add(ctx, e)
	if err == nil && e.Publish != nil {
		publication := newPublication(e.Publish)
		publication.At = e.Due
		s.published.add(publication)
	}
	return group, err
}
