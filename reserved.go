package hotsock

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/store"
)

// A reservedChannel has records that all nodes must know. A record is a short text: it
// is added once, and kept for a time. The channel is one of the store, whose name
// begins with '#': no client and no app can use such a name, and no list has it. Each
// record is the key of a storage entry there, so nothing needs to be read but the keys,
// and two nodes can add the same one.
//
// A node reads all records before it serves, and is told of each that is added as it is
// told of any item. When items may have been lost, it reads all again, and adds those
// that it knows and the store has lost. So a node knows every record once it hears from
// the store, and a store that has lost its data gets them back from any node.
type reservedChannel struct {
	name    string
	timeout time.Duration // of one call of the store
	logger  *slog.Logger
	ctx     context.Context // ends the work in the background
	// learn is told of records that there are, perhaps not for the first time. It must
	// not call the store, or take long.
	learn func(records []string)
	// missing returns the records that there should be besides those, and how long
	// each is to be kept.
	missing func(there map[string]bool) map[string]time.Duration
	// forget, unless nil, is told of records that were removed, as learn is.
	forget func(record string)

	mu      sync.Mutex
	node    store.Node // nil until open
	reading bool       // they must be read again
	removed []string   // which the store does not need to keep any longer
	running bool
	stopped bool
	work    sync.WaitGroup
}

// reservedMark begins the names of reserved channels.
const reservedMark = '#'

// open watches the channel, and returns when all records have been learnt.
func (rc *reservedChannel) open(ctx context.Context, node store.Node) error {
	rc.mu.Lock()
	rc.node = node
	rc.mu.Unlock()
	if err := node.Watch(ctx, rc.name); err != nil {
		return err
	}
	_, err := rc.read(ctx)
	return err
}

// read learns all records that the store has, and returns them.
func (rc *reservedChannel) read(ctx context.Context) (map[string]bool, error) {
	there := make(map[string]bool)
	q := store.KeysRequest{Channel: rc.name, Limit: reservedPage}
	for {
		limited := newLazyTimeout(ctx, rc.timeout)
		page, err := rc.node.Keys(limited, q)
		limited.end()
		if err != nil {
			return nil, err
		}
		rc.learn(page.Keys)
		for _, record := range page.Keys {
			there[record] = true
		}
		if !page.More {
			return there, nil
		}
		q.After = page.Keys[len(page.Keys)-1]
	}
}

// add makes a record known to all nodes. When it returns nil, the store has it.
func (rc *reservedChannel) add(ctx context.Context, record string, keep time.Duration) error {
	limited := newLazyTimeout(ctx, rc.timeout)
	defer limited.end()
	_, err := rc.node.Set(limited, store.SetRequest{
		Channel: rc.name, Key: record, Value: []byte("1"), Digest: "1", Retention: keep,
	})
	return err
}

// deliver is told of each item of the channel.
func (rc *reservedChannel) deliver(item *store.Item) {
	switch {
	case item.Storage == nil:
	case item.Storage.Value != nil:
		rc.learn([]string{item.Storage.Key})
	case rc.forget != nil:
		rc.forget(item.Storage.Key)
	}
}

// readAgain has all records read, in the background, because some may have been missed or
// lost.
func (rc *reservedChannel) readAgain() {
	rc.begin(func() { rc.reading = true })
}

// remove has records removed, in the background: it only frees memory. What cannot be
// removed now expires later.
func (rc *reservedChannel) remove(records []string) {
	if len(records) > 0 {
		rc.begin(func() { rc.removed = append(rc.removed, records...) })
	}
}

func (rc *reservedChannel) begin(note func()) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.node == nil || rc.stopped {
		return
	}
	note()
	if !rc.running {
		rc.running = true
		rc.work.Go(rc.run)
	}
}

func (rc *reservedChannel) run() {
	for b := (backoff{}); ; {
		rc.mu.Lock()
		reading, removed := rc.reading, rc.removed
		rc.reading, rc.removed = false, nil
		if rc.stopped || !reading && len(removed) == 0 {
			rc.running = false
			rc.mu.Unlock()
			return
		}
		rc.mu.Unlock()
		if reading {
			err := rc.restore()
			if err == nil {
				b = backoff{}
			} else {
				if !errors.Is(err, store.ErrUnavailable) {
					rc.logger.Error("hotsock: the store failed unexpectedly", "channel", rc.name, "err", err)
				}
				rc.readAgain()
				if !b.sleep(rc.ctx) {
					return
				}
			}
		}
		_ = rc.each(removed, func(ctx context.Context, record string) error {
			_, err := rc.node.Set(ctx, store.SetRequest{Channel: rc.name, Key: record})
			return err
		})
	}
}

// restore reads all records, and adds those that the store has lost.
func (rc *reservedChannel) restore() error {
	there, err := rc.read(rc.ctx)
	if err != nil {
		return err
	}
	missing := rc.missing(there)
	records := make([]string, 0, len(missing))
	for record := range missing {
		records = append(records, record)
	}
	if len(records) > 0 {
		rc.logger.Warn("hotsock: the store has lost what this node knows, and gets it back", "channel", rc.name, "records", len(records))
	}
	return rc.each(records, func(ctx context.Context, record string) error {
		return rc.add(ctx, record, missing[record])
	})
}

// each calls f for records, some at a time, until it fails.
func (rc *reservedChannel) each(records []string, f func(ctx context.Context, record string) error) error {
	g, ctx := errgroup.WithContext(rc.ctx)
	g.SetLimit(reservedAtOnce)
	for _, record := range records {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			limited := newLazyTimeout(ctx, rc.timeout)
			defer limited.end()
			return f(limited, record)
		})
	}
	return g.Wait()
}

// stop begins no more work; wait returns when what is under way has ended, which ctx
// cuts off.
func (rc *reservedChannel) stop() {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.stopped = true
}

func (rc *reservedChannel) wait() { rc.work.Wait() }
