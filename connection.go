package hotsock

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// A connection is one client's WebSocket or feed. One goroutine at a time (run, then
// wait and work in turn, and finish) reads it and carries out its commands in
// order; everybody sends through the socket's queue.
type connection struct {
	h       *Handler
	id      string
	sock    *socket.Conn
	feed    *feedState                   // nil for a WebSocket
	connect atomic.Pointer[connectToken] // which a refresh replaces, with ops held
	perms   *permission.Connection
	limiter *rateLimiter
	secret  [sha256.Size]byte // of the secret

	sourceIP, userAgent string
	keptOrigin          atomic.Pointer[[]byte] // of the messages that it has published, nil before the first
	connected           time.Time
	revocations         uint64 // how many there had been before it was asked who this is

	// ops is held while a command of this connection changes something, whether
	// the client sent it or it came over HTTP or from the store.
	ops sync.Mutex
	// working is held while a command that the client sent is carried out.
	working sync.Mutex
	refused *rate.Sometimes // for the log, nil until a token is refused
	// replayTimedOut is true after it took too long to read what the client had
	// missed of a channel. That is not tried again. Guarded by ops.
	replayTimedOut bool
	// endedByHost counts what may end subscriptions besides the client: the host's calls,
	// and refreshes. Guarded by ops.
	endedByHost uint64

	mu           sync.Mutex
	umd          []byte
	subs         table.Map[string, *subscription] // by channel
	retries      map[string]subscribeRetry        // by channel, nil until there are some
	unsubscribes []string                         // channels that the store must forget
	stopRetries  context.CancelFunc               // of the goroutine for these two, nil if there is none
	ending       chan struct{}                    // nil until the end is under way, closed when it is over
	reason       closeReason                      // why it is being closed
	told         *endNotice                       // what the app says about that, nil for nothing
	answering    bool                             // it will be closed when the command is over that has been begun
	barred       bool                             // nothing more is begun for its client: it is about to be closed
	received     time.Duration                    // since connected: the last message
	heartbeat    time.Duration                    // the same: the last sign of life, with a heartbeat timeout
	renewed      time.Duration                    // the same: the last refresh
	keptAlive    time.Duration                    // the same: the last keep-alive
	lists        time.Duration                    // the same: until when the lists of members that were sent are paid for
	suspected    bool                             // whether the client was found silent once
	heardBytes   uint64                           // bytes that had come by then
	timer        *time.Timer
	background   sync.WaitGroup // of the goroutine for retries
}

// A connectToken is what a connect token says, or the app's own authentication.
type connectToken struct {
	grant  *permission.Grant
	claims []byte // as JSON, for other nodes
}

func (c *connection) grant() *permission.Grant { return c.connect.Load().grant }
func (c *connection) claims() []byte           { return c.connect.Load().claims }

// randomLength is that of the random part of a connection id: 132 bits.
const randomLength = 22

// newConnectionID makes an unguessable id that also says which node holds the
// connection, so that every other node can ask it.
func newConnectionID(node string) string {
	var b [17]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])[:randomLength] + node
}

// maxNodeID is how long the ids of nodes are at the most.
const maxNodeID = 22

// nodeOf is the node that holds the connection with that id, if it can be one:
// strangers must not make the store look for anything else.
func nodeOf(id string) (node string, ok bool) {
	if len(id) <= randomLength || len(id) > randomLength+maxNodeID {
		return "", false
	}
	for _, c := range []byte(id) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return "", false
		}
	}
	return id[randomLength:], true
}

// run begins the life of the connection, after the upgrade.
func (c *connection) run(secret string) {
	c.begin(secret)
	if c.sock.Pending() {
		c.workOn()
		return
	}
	go c.wait()
}

// begin tells the client that it is connected, and subscribes it as its token says.
func (c *connection) begin(secret string) {
	c.sock.Send(connectedFrame(c, secret))
	c.h.logger.Debug("hotsock: connected", "connection", c.id)
	c.emitConnection(EventConnected, nil)
	c.startTimer()
	c.endIfRevoked()
	for _, channel := range c.grant().AutoSubscribe {
		c.autoSubscribe(channel)
	}
}

// subscriptions returns the present ones.
func (c *connection) subscriptions() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	subs := make([]*subscription, 0, c.subs.Len())
	for _, s := range c.subs.All() {
		subs = append(subs, s)
	}
	return subs
}

// subscription returns the one to a channel (real name), or nil.
func (c *connection) subscription(channel string) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs.Value(channel)
}

// uid is the user's, outside of its subscriptions. It never changes.
func (c *connection) uid() string { return c.grant().UID }

// expires is when the connection ends at the latest.
func (c *connection) expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected.Add(c.expiry())
}

// meta is who the connection is, outside of its subscriptions.
func (c *connection) meta() store.Meta {
	c.mu.Lock()
	defer c.mu.Unlock()
	return store.Meta{UID: c.uid(), UMD: c.umd}
}

// info is what backend events tell about the connection.
func (c *connection) info() EventConnectionData {
	m := c.meta()
	return EventConnectionData{
		ID:          c.id,
		ConnectedAt: c.connected.UTC(),
		KeepAlive:   c.grant().KeepAlive,
		SourceIP:    orNil(c.sourceIP),
		UID:         orNil(m.UID),
		UMD:         orNull(m.UMD),
		UserAgent:   orNil(c.userAgent),
	}
}

func (c *connection) emitConnection(typ string, ended *time.Time) {
	if !c.h.events.on() {
		return
	}
	data := c.info()
	if ended != nil {
		utc := ended.UTC()
		data.DisconnectedAt = &utc
	}
	c.h.events.emit(typ, eventDataConnection, EventMetadata{}, data)
}

// logger adds what identifies the connection.
func (c *connection) logger() *slog.Logger {
	return c.h.logger.With("connection", c.id)
}

// refuseToken says what a client is told of a token that could not be verified,
// and logs why. ops is held.
func (c *connection) refuseToken(scope string, code Code, err error) error {
	if errors.Is(err, token.ErrKeyLookup) {
		return unavailable(err)
	}
	if c.refused == nil {
		// A client can make up as many as it likes.
		c.refused = &rate.Sometimes{First: 3, Interval: refusedEvery}
	}
	c.refused.Do(func() {
		c.logger().Info("hotsock: "+scope+" token refused", "err", err)
	})
	return refuse(code)
}

// refusedEvery is how often the log tells of refused tokens: of a connection, and
// of keys that cannot be looked up.
const refusedEvery = time.Minute

// fail tells the client what was wrong with a command.
func (c *connection) fail(cmd *wire.Command, err error) {
	e := c.h.errors.report(err, "connection", c.id, "event", cmd.Event)
	c.sock.Send(errorFrame(e, cmd.Channel, cmd.Ref))
}
