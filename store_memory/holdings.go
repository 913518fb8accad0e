package storememory

import "time"

// holdings are what a channel has for longer than the replay window. Most have
// none.
type holdings struct {
	kept    keptMessages
	dedup   dedup
	storage registers
}

// noHoldings is only read.
var noHoldings holdings

// has returns the holdings to be read.
func (c *channel) has() *holdings {
	if c.holdings == nil {
		return &noHoldings
	}
	return c.holdings
}

// hold returns the holdings to be changed.
func (c *channel) hold() *holdings {
	if c.holdings == nil {
		c.holdings = new(holdings)
	}
	return c.holdings
}

func (h *holdings) empty() bool {
	return len(h.kept.list) == 0 && h.dedup.ids.Len() == 0 && h.storage.keys.Len() == 0
}

// next returns when something will expire.
func (h *holdings) next() time.Time {
	return earliest(h.kept.expiry.next(), h.dedup.expiry.next(), h.storage.expiry.next())
}
