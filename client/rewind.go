package client

import "time"

// rewind is what a subscribe asks for, nil for nothing.
func (o *SubscribeOptions) rewind() any {
	switch {
	case o.Rewind > 0:
		return o.Rewind
	case o.RewindFor > 0:
		return map[string]int64{"seconds": int64((o.RewindFor + time.Second - 1) / time.Second)}
	}
	return nil
}

type rewoundData struct {
	Messages int  `json:"messages"`
	More     bool `json:"more"`
}

// Rewound returns how many stored messages came, or are still to come, because of
// [SubscribeOptions.Rewind] when the subscription began last. If there are more, the
// history has further ones of those that were wanted, older than these; after a [Gap],
// they are newer than its After.
func (s *Subscription) Rewound() (messages int, more bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.rewound.Messages, s.rewound.More
}

// beginAt sets after what the subscription goes on: after its position, unless messages
// follow that are not newer. Client.mu must be held.
func (s *Subscription) beginAt(position string, first bool, d *subscribedData) {
	switch {
	case d.Recovered && !first:
	case d.Rewound.Messages == 0:
		s.passed(position)
	case s.last > position:
		s.last = "" // It is of another history.
	}
}
