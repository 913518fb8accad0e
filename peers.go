package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// Nodes ask each other about connections, which only the node that holds the
// socket knows. Every request can be repeated without harm. What changes the
// store on a client's behalf is done by the node that serves the client's
// request, once it knows what the client may do.
//
// The nodes may be of two versions. Each ignores members that it does not know,
// and answers an operation that it does not know as unsupported, which is
// UNAVAILABLE to whoever asked: until the deployment is complete.

// A peerRequest asks a node to do something with connections that it holds.
type peerRequest struct {
	Op string `json:"op"`
	// Connection and the hash of its secret, for a client's request.
	Connection string `json:"connection,omitempty"`
	Secret     []byte `json:"secret,omitempty"`
	// Channel as the client names it; for peerSubscribe and peerUnsubscribe the real name.
	Channel string `json:"channel,omitempty"`
	UID     string `json:"uid,omitempty"`
	Token   string `json:"token,omitempty"`
	// Reason and StayAway are what clients are told, for peerDisconnect and
	// peerUnsubscribe.
	Reason   string `json:"reason,omitempty"`
	StayAway bool   `json:"stayAway,omitempty"`
	// Claims are what the app grants, for peerSubscribe.
	Claims json.RawMessage `json:"claims,omitempty"`
	// Grants says that the node which asks reads Granted of the answer.
	Grants bool `json:"grants,omitempty"`
	// UIDs of peerOnline.
	UIDs []string `json:"uids,omitempty"`
	// Prefix, After and Limit select a page of peerConnections and peerChannels.
	Prefix string `json:"prefix,omitempty"`
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	// ID, Posted and CloseCode are of peerPost: with the same ID, it is the same request.
	ID        string   `json:"id,omitempty"`
	Posted    [][]byte `json:"posted,omitempty"`
	CloseCode uint16   `json:"closeCode,omitempty"`
	// Revocation of peerRevoke is a record of the reserved channel.
	Revocation string `json:"revocation,omitempty"`
}

// Operations of a peerRequest.
const (
	peerLookup      = "lookup"      // who a connection is and may do on a channel
	peerUMD         = "umd"         // change its user metadata by a token
	peerDisconnect  = "disconnect"  // one by its id, or those of a user
	peerUnsubscribe = "unsubscribe" // those of a user from a channel
	peerSubscribe   = "subscribe"   // one by its id, or those of a user, to a channel
	peerConnections = "connections" // a page of those of a user, or of all
	peerOnline      = "online"      // how many each of some users has
	peerChannels    = "channels"    // a page of those that have subscriptions
	peerPost        = "post"        // give a feed what its client has sent, or close it
	peerRevoke      = "revoke"      // end what revoked tokens have begun, and refuse them
)

// reads reports whether an operation changes nothing.
func (q *peerRequest) reads() bool {
	switch q.Op {
	case peerLookup, peerConnections, peerOnline, peerChannels:
		return true
	}
	return false
}

// A peerAnswer answers it.
type peerAnswer struct {
	Error   Code          `json:"error,omitempty"`
	Message string        `json:"message,omitempty"`
	Retry   time.Duration `json:"retry,omitempty"` // of the error
	// Unsupported says that the node does not know the operation, and did nothing.
	Unsupported bool `json:"unsupported,omitempty"`
	// Count of connections that a request was carried out on.
	Count int `json:"count,omitempty"`
	// Refusal is of one of the connections on which it was not, for peerSubscribe.
	Refusal *peerRefusal `json:"refusal,omitempty"`

	// For peerLookup: the claims of the tokens, what the connection is, and
	// its subscription to the channel with what the app grants on it.
	Connect    json.RawMessage `json:"connect,omitempty"`
	Subscribe  json.RawMessage `json:"subscribe,omitempty"`
	Granted    json.RawMessage `json:"granted,omitempty"`
	UID        string          `json:"uid,omitempty"`
	UMD        json.RawMessage `json:"umd,omitempty"`
	Channel    string          `json:"channel,omitempty"`
	Subscribed bool            `json:"subscribed,omitempty"`
	From       ulid.ULID       `json:"from"`
	SubUID     string          `json:"subUid,omitempty"`
	SubUMD     json.RawMessage `json:"subUmd,omitempty"`

	// For peerOnline: the connections of each user who has some.
	Online map[string]int `json:"online,omitempty"`
	// For peerConnections and peerChannels: a page, sorted, and the last key up to
	// which it is complete if there are more.
	Connections []wire.Connection     `json:"connections,omitempty"`
	Channels    []wire.ChannelSummary `json:"channels,omitempty"`
	Last        string                `json:"last,omitempty"`
}

// A peerRefusal says why something cannot be done with a connection.
type peerRefusal struct {
	Code    Code   `json:"code"`
	Message string `json:"message,omitempty"`
}

// peers asks the other nodes about connections, and answers what they ask.
type peers struct {
	node     store.Node
	timeout  time.Duration // of a question
	conns    *connectionSet
	hub      *hub
	verifier *permission.Verifier
	errors   *errorReporter
	revoker  *revoker
}

// ask sends a request to a node and returns its answer. What this node can do
// itself takes no store.
func (p *peers) ask(ctx context.Context, node string, q *peerRequest) (*peerAnswer, error) {
	if node == p.node.ID() {
		return p.do(q)
	}
	b, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	limited := newLazyTimeout(ctx, p.timeout)
	defer limited.end()
	b, err = p.node.Call(limited, node, b)
	if errors.Is(err, store.ErrUnavailable) && !q.reads() {
		return nil, &Error{Code: CodeUnavailable, Message: unanswered, cause: err}
	}
	if err != nil {
		return nil, err
	}
	var a peerAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("hotsock: answer of node %s: %w", node, err)
	}
	return a.result()
}

// errUnsupported says that a node does not know an operation.
var errUnsupported = errors.New("hotsock: a node of another version does not know the operation")

// result returns the answer or the error that it has.
func (a *peerAnswer) result() (*peerAnswer, error) {
	switch _, known := codes[a.Error]; {
	case a.Unsupported:
		return nil, &Error{Code: CodeUnavailable, Message: unsupported, cause: errUnsupported}
	case a.Error == "":
		return a, nil
	case !known: // and no client would know it, either
		return nil, &Error{Code: CodeUnavailable, Message: a.Message, cause: fmt.Errorf("hotsock: a node of another version answered %q", a.Error)}
	default:
		return nil, &Error{Code: a.Error, Message: a.Message, retry: a.Retry}
	}
}

// unsupported is what is told if a node cannot do what it was asked for.
const unsupported = "a server of another version cannot do this: try again when all have been updated"

// unanswered is what is told if a node was asked to do something and did not
// answer: it may have done it, or do it when its store is back.
const unanswered = "a server did not answer, and may carry it out nevertheless: try again"

// askAll sends a request to every node, and returns on how many connections it
// was carried out.
func (p *peers) askAll(ctx context.Context, q *peerRequest) (int, error) {
	count := 0
	err := p.askEach(ctx, q, func(a *peerAnswer) { count += a.Count })
	return count, err
}

// askEach sends a request to every node, and calls f for each answer, one at a time.
// This node comes first, and the others are asked side by side, so that none waits
// for one that is gone.
func (p *peers) askEach(ctx context.Context, q *peerRequest, f func(*peerAnswer)) error {
	own, err := p.do(q)
	if err != nil {
		return err
	}
	f(own)
	limited := newLazyTimeout(ctx, p.timeout)
	defer limited.end()
	nodes, err := p.node.Peers(limited)
	if err != nil {
		return &Error{Code: asError(err).Code, cause: err, Message: "the other servers could not be asked: try again"}
	}
	var mu sync.Mutex
	asked, unable := 0, 0
	var errs []error
	var g errgroup.Group
	g.SetLimit(maxAsked)
	for _, node := range nodes {
		if node == p.node.ID() {
			continue
		}
		asked++
		g.Go(func() error {
			a, err := p.ask(ctx, node, q)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, store.ErrNoPeer): // and so its connections are gone
			case err != nil:
				errs = append(errs, err)
				if errors.Is(err, errUnsupported) {
					unable++
				}
			default:
				f(a)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	if len(errs) == 0 {
		return nil
	}
	err = errors.Join(errs...)
	message := "%d of %d other servers did not answer, and may carry it out nevertheless: try again"
	switch {
	case unable == len(errs):
		message = "%d of %d other servers are of another version and cannot do this: try again when all have been updated"
	case q.reads():
		message = "%d of %d other servers did not answer: try again"
	}
	return &Error{Code: asError(err).Code, cause: err, Message: fmt.Sprintf(message, len(errs), asked)}
}

// grantOf compiles claims that another node has verified.
func (p *peers) grantOf(claims []byte) (*permission.Grant, error) {
	if claims == nil {
		return nil, nil
	}
	var c Claims
	if err := json.Unmarshal(claims, &c); err != nil {
		return nil, fmt.Errorf("hotsock: claims from a node: %w", err)
	}
	return p.verifier.Compile(&c)
}
