package storememory

import "github.com/hotsock-go/hotsock/store"

// A page is filled with messages up to the bounds of a request.
type page struct {
	limit, maxBytes int

	messages []*store.Message
	size     int  // of the messages, in bytes
	more     bool // a message did not fit
}

// add returns false if the message does not fit. The first one always does.
func (p *page) add(m *store.Message) bool {
	size := p.size + m.Size()
	if n := len(p.messages); n == p.limit || n > 0 && size > p.maxBytes {
		p.more = true
		return false
	}
	p.messages, p.size = append(p.messages, m), size
	return true
}
