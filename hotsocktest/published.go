package hotsocktest

import (
	"encoding/json"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A Publication is a message that the app or a client has published or
// scheduled.
type Publication struct {
	// ID of the message, "" if it was scheduled.
	ID      string
	Channel string
	Event   string
	// Data as JSON, nil for none.
	Data json.RawMessage
	// UID of the client that published it, "" for the app and for clients
	// without one.
	UID string
	// Store is how long it is kept, as in hotsock.Message.
	Store time.Duration
	// DeduplicationID as in hotsock.Message. Duplicates are not recorded.
	DeduplicationID string
	// At is for when it was scheduled; zero if it was published at once.
	At time.Time
}

func newPublication(p *store.PublishRequest) Publication {
	publication := Publication{
		Channel: p.Channel, Event: p.Event, Data: p.Data, Store: p.Retention, DeduplicationID: p.DedupID,
	}
	if p.Meta != nil {
		publication.UID = p.Meta.UID
	}
	return publication
}

// Published is what the app and clients have published on any node. With it, you
// can test an app that publishes without a client. Failed publishes are left out.
// A scheduled message is included as soon as it is scheduled.
type Published struct {
	s *Server
	recorder[Publication]
}

// Expect waits for the next message on the channel that was not expected yet, and
// returns it. The test fails if its event or data differ, or if there is none in
// time. Data is compared as JSON: give what the app published, a json.RawMessage, or
// [Any].
func (p *Published) Expect(channel, event string, data any) Publication {
	p.s.t.Helper()
	ctx, cancel := p.s.patient()
	defer cancel()
	got, err := p.take(ctx, func(m Publication) bool { return m.Channel == channel })
	if err != nil {
		p.s.t.Fatalf("hotsocktest: nothing was published on %s, want %s", channel, event)
	}
	if diff := diffMessage(event, data, got.Event, got.Data); diff != "" {
		p.s.t.Fatalf("hotsocktest: published on %s (-want +got):\n%s", channel, diff)
	}
	return got
}

// ExpectNone fails the test if there are messages on the channel that were not
// expected. In a bubble it first lets everything happen that happens now.
// Otherwise it does not see what is still being published.
func (p *Published) ExpectNone(channel string) {
	p.s.t.Helper()
	p.s.restInBubble()
	for _, m := range p.left(func(m Publication) bool { return m.Channel == channel }) {
		p.s.t.Errorf("hotsocktest: published on %s: %s %s", channel, m.Event, m.Data)
	}
}
