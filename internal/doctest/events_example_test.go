package doctest

// docs/events.md shows parts of this file; TestEventsCode compares them.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// A producer works for each channel that has subscribers.
type producer struct {
	info    func(ctx context.Context, channel string) (hotsock.ChannelInfo, error) // of the Handler
	produce func(ctx context.Context, channel string)
	stop    map[string]context.CancelFunc // by channel
}

func (p *producer) HandleEvent(ctx context.Context, e hotsock.Event) error {
	if e.Type != hotsock.EventChannelOccupied && e.Type != hotsock.EventChannelVacated {
		return nil
	}
	channel := e.Metadata.Channel
	info, err := p.info(ctx, channel) // the events of two nodes have no order
	if err != nil {
		return err
	}
	switch stop := p.stop[channel]; {
	case info.SubscriptionsCount > 0 && stop == nil:
		work, stop := context.WithCancel(context.Background())
		p.stop[channel] = stop
		go p.produce(work, channel)
	case info.SubscriptionsCount == 0 && stop != nil:
		stop()
		delete(p.stop, channel)
	}
	return nil
}

// TestProducer has the example work while anybody is subscribed, on either of two
// nodes, also if the last one's node dies.
func TestProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		working := make(map[string]int)
		var s *hotsocktest.Server
		p := &producer{
			info: func(ctx context.Context, channel string) (hotsock.ChannelInfo, error) {
				return s.Nodes[0].Handler().ChannelInfo(ctx, channel)
			},
			produce: func(ctx context.Context, channel string) {
				working[channel]++
				<-ctx.Done()
				working[channel]--
			},
			stop: make(map[string]context.CancelFunc),
		}
		s = hotsocktest.Start(t, hotsocktest.Options{Nodes: 2, Handler: hotsock.Options{Events: p}})
		expect := func(why string, n int) {
			t.Helper()
			s.Advance(0)
			synctest.Wait()
			if working["room"] != n {
				t.Errorf("%s: %d are at work, want %d", why, working["room"], n)
			}
		}
		ann := s.Connect(t, hotsocktest.Everything("ann"))
		expect("nobody is subscribed", 0)
		ann.Subscribe("room")
		expect("the first came", 1)
		bob := s.Dial(t, hotsocktest.Everything("bob")) // does not connect again
		bob.Send(`{"event":"hotsock.subscribe","channel":"room"}`)
		bob.Expect(`{"event":"hotsock.subscribed"}`)
		ann.Close()
		expect("the second stays", 1)
		s.Nodes[1].Kill()
		s.Advance(10 * time.Second)
		expect("the node of the last is dead", 0)
		s.Connect(t, hotsocktest.Everything("eve")).Subscribe("room")
		expect("another one came", 1)
		p.stop["room"]()
	})
}
