package hotsock

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/pipe"
	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a handler behind an HTTP server, all within a synctest bubble, on a
// store whose faults the test decides.
type rig struct {
	t *testing.T
	h *Handler
	l *pipe.Listener
	s *faultyStore
}

// everything may be done with every channel.
func everything(uid string) *Claims {
	return &Claims{UID: uid, Channels: map[string]ChannelClaims{"*": {
		Subscribe: Allow, GetInfo: Allow, HistoryStart: time.Unix(0, 0),
		Messages: map[string]MessageClaims{"*": {Publish: Allow, Echo: Allow, React: Allow}},
		Storage:  map[string]StorageClaims{"*": {Get: Allow, Set: Allow, Observe: Allow}},
	}}}
}

// inRig runs a test within a bubble. The uid of a connection is its "uid"
// parameter, and it may do everything.
func inRig(t *testing.T, o Options, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, s: &faultyStore{Store: o.Store}}
		if o.Store == nil {
			r.s.Store = storememory.New()
		}
		o.Store = r.s
		// Its clients read, and so answer pings, only when the test tells them to.
		o.PingInterval = cmp.Or(o.PingInterval, -1)
		if o.Authenticate == nil {
			o.Authenticate = func(req *http.Request) (*Claims, error) {
				return everything(req.URL.Query().Get("uid")), nil
			}
		}
		var err error
		if r.h, err = New(o); err != nil {
			t.Fatal(err)
		}
		r.l = pipe.Listen()
		server := &http.Server{Handler: r.h}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(r.l)
		}()
		defer func() {
			_ = server.Close()
			<-served
			if err := r.h.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, r)
	})
}

// dial is how clients of a rig connect. Some wait for what is tried again for
// long.
func (r *rig) dial() wstest.Options {
	return wstest.Options{HTTPClient: r.l.Client(), Patience: time.Hour}
}

// url is where a user connects.
func (r *rig) url(uid string) string { return "ws://rig/rt/?uid=" + uid }

func (r *rig) connect(uid string) *wstest.Conn {
	r.t.Helper()
	return wstest.Connect(r.t, r.url(uid), r.dial())
}

// faultyStore is a store that can be made unavailable.
type faultyStore struct {
	store.Store
	mu       sync.Mutex
	down     bool
	receiver store.Receiver
	subs     []string // Subscribe calls that succeeded: channel
	unsubs   []string
	known    map[string]bool // connections
	loss     atomic.Int64    // one item of so many is lost, none if it is 0
	// published counts tries by channel, of which that with the number in
	// failing fails.
	published, failing map[string]int
	unanswered         map[string]int   // as failing, but it is carried out
	unansweredEdits    int              // so many of the next are carried out, and fail
	stops              int              // requests to stop streams that go to all nodes
	channelsAway       atomic.Bool      // Channel fails
	held               map[string]*hold // Subscribe calls by channel, AddConnection calls by id
	// dead are nodes that are listed and do not answer.
	dead        []string
	unlisted    map[string]bool // nodes that are not listed
	away        map[string]bool // channels whose part of the store is down
	tokensAway  bool            // UseToken fails
	replays     int             // calls of Replay and History
	replaysHang bool            // until their time is over
	counts      countReads
	afterGets   []func([]*store.Entry) []*store.Entry
}

func (s *faultyStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	s.receiver = r
	n, err := s.Store.Join(ctx, &losingReceiver{r, s}, o)
	return &faultyNode{n, s}, err
}

func (s *faultyStore) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// setAway makes the part of the store unavailable that has these channels.
func (s *faultyStore) setAway(channels ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = make(map[string]bool)
	for _, channel := range channels {
		s.away[channel] = true
	}
}

func (s *faultyStore) setTokensAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokensAway = away
}

// A hold is what calls wait for.
type hold struct {
	over chan struct{}
	err  error // what they fail with
}

// hold makes subscribes to a channel, or records of a connection, wait until they
// are released.
func (s *faultyStore) hold(what string) (release func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &hold{over: make(chan struct{})}
	s.held = map[string]*hold{what: h}
	return func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.held, what)
		h.err = err
		close(h.over)
	}
}

// waitForRelease returns the error of the release, if what was held.
func (s *faultyStore) waitForRelease(what string) error {
	s.mu.Lock()
	h := s.held[what]
	s.mu.Unlock()
	if h == nil {
		return nil
	}
	<-h.over
	return h.err
}

// err is what an operation fails with, and notes those that succeed.
func (s *faultyStore) err(log *[]string, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down || s.away[what] {
		return store.ErrUnavailable
	}
	if log != nil {
		*log = append(*log, what)
	}
	return nil
}

// fails counts a publish and reports whether it is the one that must fail.
func (s *faultyStore) fails(channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.published == nil {
		s.published = make(map[string]int)
	}
	s.published[channel]++
	return s.failing[channel] == s.published[channel]
}

type faultyNode struct {
	store.Node
	s *faultyStore
}

func (n *faultyNode) Ready(ctx context.Context) error {
	if err := n.s.err(nil, ""); err != nil {
		return err
	}
	return n.Node.Ready(ctx)
}

func (n *faultyNode) Watch(ctx context.Context, channel string) error {
	if err := n.s.err(nil, channel); err != nil {
		return err
	}
	return n.Node.Watch(ctx, channel)
}

func (n *faultyNode) Set(ctx context.Context, r store.SetRequest) (store.SetResult, error) {
	if err := n.s.err(nil, r.Channel); err != nil {
		return store.SetResult{}, err
	}
	if strings.HasPrefix(r.Key, stopMark) {
		n.s.mu.Lock()
		n.s.stops++
		n.s.mu.Unlock()
	}
	return n.Node.Set(ctx, r)
}

func (n *faultyNode) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	if err := n.s.err(nil, ""); err != nil {
		return false, err
	}
	n.s.mu.Lock()
	away := n.s.tokensAway
	n.s.mu.Unlock()
	if away {
		return false, store.ErrUnavailable
	}
	return n.Node.UseToken(ctx, token, until)
}

func (n *faultyNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	if err := n.s.err(nil, ""); err != nil || n.s.fails(p.Channel) {
		return store.PublishResult{}, store.ErrUnavailable
	}
	res, err := n.Node.Publish(ctx, p)
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.s.unanswered[p.Channel] > 0 && n.s.unanswered[p.Channel] == n.s.published[p.Channel] {
		return store.PublishResult{}, store.ErrUnavailable
	}
	return res, err
}

func (n *faultyNode) Edit(ctx context.Context, e store.EditRequest) (store.EditResult, error) {
	if err := n.s.err(nil, ""); err != nil {
		return store.EditResult{}, err
	}
	res, err := n.Node.Edit(ctx, e)
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if err == nil && n.s.unansweredEdits > 0 {
		n.s.unansweredEdits--
		return store.EditResult{}, store.ErrUnavailable
	}
	return res, err
}

func (n *faultyNode) History(ctx context.Context, h store.HistoryRequest) (store.HistoryResult, error) {
	if err := n.s.err(nil, ""); err != nil {
		return store.HistoryResult{}, err
	}
	if err := n.s.hang(ctx); err != nil {
		return store.HistoryResult{}, err
	}
	return n.Node.History(ctx, h)
}

func (n *faultyNode) Count(ctx context.Context, c store.CountRequest) (int, error) {
	if err := n.s.err(nil, ""); err != nil {
		return 0, err
	}
	return n.Node.Count(ctx, c)
}

func (n *faultyNode) Erase(ctx context.Context, e store.EraseRequest) (store.EraseResult, error) {
	if err := n.s.err(nil, ""); err != nil {
		return store.EraseResult{}, err
	}
	return n.Node.Erase(ctx, e)
}

func (n *faultyNode) Replay(ctx context.Context, r store.ReplayRequest) (store.ReplayResult, error) {
	if err := n.s.err(nil, ""); err != nil {
		return store.ReplayResult{}, err
	}
	if err := n.s.hang(ctx); err != nil {
		return store.ReplayResult{}, err
	}
	return n.Node.Replay(ctx, r)
}

// hang counts a read of messages, which perhaps lasts until its time is over.
func (s *faultyStore) hang(ctx context.Context) error {
	s.mu.Lock()
	s.replays++
	hang := s.replaysHang
	s.mu.Unlock()
	if !hang {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
}

func (n *faultyNode) Subscribe(ctx context.Context, r store.SubscribeRequest) (store.SubscribeResult, error) {
	if err := n.s.waitForRelease(r.Channel); err != nil {
		return store.SubscribeResult{}, err
	}
	if err := n.s.err(&n.s.subs, r.Channel); err != nil {
		return store.SubscribeResult{}, err
	}
	return n.Node.Subscribe(ctx, r)
}

func (n *faultyNode) Unsubscribe(ctx context.Context, u store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	if err := n.s.err(&n.s.unsubs, u.Channel); err != nil {
		return store.SubscriptionEnd{}, err
	}
	return n.Node.Unsubscribe(ctx, u)
}

func (n *faultyNode) UpdateSubscription(ctx context.Context, u store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	if err := n.s.err(nil, ""); err != nil {
		return nil, err
	}
	return n.Node.UpdateSubscription(ctx, u)
}

func (n *faultyNode) Peers(ctx context.Context) ([]string, error) {
	if err := n.s.err(nil, ""); err != nil {
		return nil, err
	}
	ids, err := n.Node.Peers(ctx)
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	ids = slices.DeleteFunc(ids, func(id string) bool { return n.s.unlisted[id] })
	return append(n.s.dead, ids...), err
}

func (n *faultyNode) Call(ctx context.Context, id string, request []byte) ([]byte, error) {
	if slices.Contains(n.s.dead, id) {
		<-ctx.Done()
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	if err := n.s.err(nil, ""); err != nil {
		return nil, err
	}
	return n.Node.Call(ctx, id, request)
}

func (n *faultyNode) AddConnection(ctx context.Context, c store.Connection) error {
	if err := n.s.waitForRelease(c.ID); err != nil {
		return err
	}
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.s.known == nil {
		n.s.known = make(map[string]bool)
	}
	n.s.known[c.ID] = true
	return n.Node.AddConnection(ctx, c)
}

func (n *faultyNode) RemoveConnection(ctx context.Context, id string) error {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	delete(n.s.known, id)
	return n.Node.RemoveConnection(ctx, id)
}
