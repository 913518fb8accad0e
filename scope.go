package hotsock

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/store"
)

// invalidChannel and the like are told to clients.
const (
	invalidChannel = `"channel" must be 1 to 256 characters without "*", "#", ",", white space or control characters`
	invalidEvent   = `"event" must be 1 to 128 characters without "*" or control characters, and must not start with "hotsock." or "#"`
	invalidKey     = `"key" must be 1 to 128 characters without "*", "#", ",", white space or control characters`
)

// A scope is what a client is and may do on one channel at the moment. It can
// be had on any node.
type scope struct {
	channel    string // real name
	connection string
	meta       store.Meta
	grant      *permission.Channel
	// subscribed, and if so after which item.
	subscribed bool
	from       ulid.ULID
}

// scope returns the connection's own, on the channel that it calls name.
func (c *connection) scope(name string) (*scope, error) {
	if !protocol.ValidChannel(name) {
		return nil, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	channel := c.perms.RealName(name, nil)
	if s := c.subscription(channel); s != nil {
		return &scope{
			channel: channel, connection: c.id, meta: s.meta(), grant: s.grant,
			subscribed: true, from: s.from,
		}, nil
	}
	return &scope{channel: channel, connection: c.id, meta: c.meta(), grant: c.perms.Channel(channel)}, nil
}

// oldest returns the exclusive lower bound of what may be read.
func (sc *scope) oldest() ulid.ULID {
	start, ok := sc.grant.History()
	if !ok {
		return sc.from
	}
	return before(start)
}

// before returns the greatest id that is older than t.
func before(t time.Time) ulid.ULID {
	ms := t.UnixMilli()
	if ms <= 0 {
		return ulid.ULID{}
	}
	var id ulid.ULID
	// Both only fail for times beyond the year 10889.
	_ = id.SetTime(uint64(ms) - 1)
	_ = id.SetEntropy([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	return id
}
