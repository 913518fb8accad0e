package hotsock

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// Every option that cannot be meant is refused, by its name.
func TestOptionsAreRefused(t *testing.T) {
	key := tokenHS256.Key()
	for want, change := range map[string]func(o *Options){
		"Options.Keys, KeyLookup or Authenticate must be set":                              func(o *Options) { o.Keys = nil },
		"Options.Keys[1]: HS256: the secret has 1 bytes":                                   func(o *Options) { o.Keys = []Key{key, {Algorithm: HS256, Secret: []byte("s")}} },
		`Options.Keys[0]: algorithm "none" is not supported`:                               func(o *Options) { o.Keys = []Key{{Algorithm: "none"}} },
		"Options.APIKeys[1] is empty":                                                      func(o *Options) { o.APIKeys = []string{"key", ""} },
		"Options.APIKeys[0] has white space around it":                                     func(o *Options) { o.APIKeys = []string{"key\n"} },
		"Options.APIKeys[1] has a control character in it":                                 func(o *Options) { o.APIKeys = []string{"key", "a\nb"} },
		`Options.AllowedOrigins[1] is "", which matches no origin`:                         func(o *Options) { o.AllowedOrigins = []string{"*", ""} },
		`Options.AllowedOrigins[0] is "wss://a.test", which matches no`:                    func(o *Options) { o.AllowedOrigins = []string{"wss://a.test"} },
		`Options.AllowedHeaders[0] is "": it is empty`:                                     func(o *Options) { o.AllowedHeaders = []string{""} },
		`Options.AllowedHeaders[1] is "x-a, x-b": it is not the name`:                      func(o *Options) { o.AllowedHeaders = []string{"x-a", "x-a, x-b"} },
		"Options.ClockSkew is 5m0.000000001s, the most is 5m0s":                            func(o *Options) { o.ClockSkew = 5*time.Minute + 1 },
		"Options.MaxConnectionDuration is 999ms, the least is 1s":                          func(o *Options) { o.MaxConnectionDuration = 999 * time.Millisecond },
		"Options.IdleTimeout is -1ns, the least is 1s":                                     func(o *Options) { o.IdleTimeout = -1 },
		"Options.PingInterval is 1ns, the least is 1s":                                     func(o *Options) { o.PingInterval = 1 },
		"Options.PongTimeout is -1ns, the least is 1s":                                     func(o *Options) { o.PongTimeout = -1 },
		"Options.KeepAliveInterval is 1ns, the least is 1s":                                func(o *Options) { o.KeepAliveInterval = 1 },
		"Options.WriteTimeout is 1ns, the least is 1ms":                                    func(o *Options) { o.WriteTimeout = 1 },
		"Options.StoreTimeout is -1s, the least is 1ms":                                    func(o *Options) { o.StoreTimeout = -time.Second },
		"Options.NodeTimeout is 999ms, the least is 1s":                                    func(o *Options) { o.NodeTimeout = 999 * time.Millisecond },
		"Options.ReplayWindow is 1ns, the least is 1ms":                                    func(o *Options) { o.ReplayWindow = 1 },
		"Options.DeduplicationWindow is 1ns, the least is 1ms":                             func(o *Options) { o.DeduplicationWindow = 1 },
		"Options.ReplayLimit is -1, the least is 1":                                        func(o *Options) { o.ReplayLimit = -1 },
		"Options.ReplayLimit is 2147483647, the most is":                                   func(o *Options) { o.ReplayLimit = math.MaxInt32 },
		"Options.MaxFrameSize is -1, the least is 1":                                       func(o *Options) { o.MaxFrameSize = -1 },
		"Options.MaxBodySize is -1, the least is 1":                                        func(o *Options) { o.MaxBodySize = -1 },
		"Options.MaxDataSize is -1, the least is 1":                                        func(o *Options) { o.MaxDataSize = -1 },
		"Options.MaxMetadataSize is -1, the least is 1":                                    func(o *Options) { o.MaxMetadataSize = -1 },
		"Options.MaxMembersSize is -1, the least is 1":                                     func(o *Options) { o.MaxMembersSize = -1 },
		"Options.MaxPresenceSize is -1, the least is 1":                                    func(o *Options) { o.MaxPresenceSize = -1 },
		"Options.MaxPresenceSize is 5000000, and no more than 4194304 can be sent at once": func(o *Options) { o.MaxPresenceSize = 5_000_000 },
		"Options.MaxQueueSize is -1, the least is 1":                                       func(o *Options) { o.MaxQueueSize = -1 },
		"Options.MaxTotalQueueSize is -1, the least is 1":                                  func(o *Options) { o.MaxTotalQueueSize = -1 },
		"Options.MaxSubscriptions is -1, the least is 1":                                   func(o *Options) { o.MaxSubscriptions = -1 },
		"Options.MaxSchedules is -1, the least is 1":                                       func(o *Options) { o.MaxSchedules = -1 },
		"Options.MaxReactions is -1, the least is 1":                                       func(o *Options) { o.MaxReactions = -1 },
		"Options.ConnectionRateLimit is -1 a second, 0 at once":                            func(o *Options) { o.ConnectionRateLimit.PerSecond = -1 },
		"Options.ConnectionRateLimit is 0 a second, 5 at once":                             func(o *Options) { o.ConnectionRateLimit.Burst = 5 },
		"Options.UserRateLimit is +Inf a second, 5 at once":                                func(o *Options) { o.UserRateLimit = RateLimit{math.Inf(1), 5} },
		"Options.UserRateLimit is NaN a second, 0 at once":                                 func(o *Options) { o.UserRateLimit.PerSecond = math.NaN() },
		"Options.UserRateLimit is 1 a second, -1 at once: not a valid limit":               func(o *Options) { o.UserRateLimit = RateLimit{1, -1} },
	} {
		o := Options{Keys: []Key{key}}
		change(&o)
		h, err := New(o)
		if err == nil {
			t.Errorf("New accepts what should be refused with %q", want)
			_ = h.Close()
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "hotsock: ") {
			t.Errorf("error %q, want one with %q", err, want)
		}
	}
}

// All that is wrong is said at once.
func TestOptionsAreRefusedTogether(t *testing.T) {
	_, err := New(Options{APIKeys: []string{""}, MaxDataSize: -1})
	for _, want := range []string{"Options.Keys, ", "Options.APIKeys[0]", "Options.MaxDataSize"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// brokenStore is a store that cannot be joined, or whose scheduler does not
// start.
type brokenStore struct {
	store.Store
	join, start error
	left        bool
}

func (s *brokenStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	if s.join != nil {
		return nil, s.join
	}
	n, err := s.Store.Join(ctx, r, o)
	return &leavingNode{n, s}, err
}

func (s *brokenStore) Scheduler() store.Scheduler {
	return brokenScheduler{s.Store.Scheduler(), s.start}
}

type leavingNode struct {
	store.Node
	s *brokenStore
}

func (n *leavingNode) Leave(ctx context.Context) error {
	n.s.left = true
	return n.Node.Leave(ctx)
}

type brokenScheduler struct {
	store.Scheduler
	err error
}

func (s brokenScheduler) Start(context.Context, store.Node, func(store.Fired)) (func(), error) {
	return nil, s.err
}

// New says why a store cannot be used, and leaves nothing behind.
func TestStoreThatCannotBeUsed(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		s    *brokenStore
		want string
	}{
		{&brokenStore{join: broken}, "hotsock: cannot join the store: broken"},
		{&brokenStore{start: broken}, "hotsock: cannot start the scheduler: broken"},
	} {
		tt.s.Store = storememory.New()
		h, err := New(Options{
			Keys: []Key{tokenHS256.Key()}, Store: tt.s, Logger: slog.New(slog.DiscardHandler),
			Events: EventSinkFunc(func(context.Context, Event) error { return nil }),
		})
		if h != nil || !errors.Is(err, broken) || err.Error() != tt.want {
			t.Errorf("handler %v, error %v, want %q", h, err, tt.want)
		}
		if tt.s.left != (tt.s.join == nil) {
			t.Errorf("%s: the node has left: %t", tt.want, tt.s.left)
		}
	}
}
