// Package outbox publishes with the transaction of the app's own database.
//
// An app that writes an order to its database and then publishes "shipped" can
// die in between, and a publish before COMMIT cannot be taken back. With an
// outbox, the message is a row that the transaction inserts, so it is published
// if the transaction commits, and only then:
//
//	box, err := outbox.New(outbox.SQLite, outbox.Options{})
//	…
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	err = box.Publish(ctx, tx, hotsock.Message{Channel: "order.7", Event: "shipped"})
//	…
//	err = tx.Commit()
//
// On every node, [Outbox.Run] takes the rows out of the database and gives them
// to the [hotsock.Handler].
//
// The package needs no driver. Rows of one channel are published in an order
// that docs/outbox.md describes for each database.
package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Limits of an outbox.
const (
	maxRows    = 1000     // that one Publish writes: so many placeholders every database permits
	maxBody    = 16 << 20 // bytes of a row, the most that a MEDIUMTEXT of MySQL has
	maxRead    = 16 << 20 // bytes of bodies after which a relay reads no further row at once
	maxBatch   = 10_000   // Options.BatchSize
	maxIDs     = 1000     // of set-aside rows that one call names
	maxError   = 1 << 10  // bytes of an error that is kept
	maxCounted = 10_000   // rows that Stats counts
	partitions = 16       // that relays share; migrations have the same number
	version    = 1        // of the rows that are written, and the newest that is understood
)

// Options configure an [Outbox]. The zero value of each field is a good default.
// Nodes that share a database must have equal options.
type Options struct {
	// MaxDataSize is how long the data of a message or entry may be, in bytes of
	// JSON. It should be that of [hotsock.Options], so that whoever writes too much is
	// told in the transaction, and not afterwards. Defaults to 32 KiB.
	MaxDataSize int
	// BatchSize is how many rows a relay reads, carries out and then deletes at once:
	// fewer if their bodies have more than 16 MiB together.
	// Whoever kills all relays for longer than the handler's DeduplicationWindow may
	// get that many messages of each twice. Defaults to 500, at most 10,000.
	BatchSize int
	// PollInterval is how long a row may wait if nothing tells the relays of it.
	// Defaults to 1 s, at least 10 ms. A relay looks much more often while rows
	// come, and after a [Outbox.Publish] in its own process.
	PollInterval time.Duration
	// Lease is how long the rows that a relay was at work on wait if its process is
	// killed. Defaults to 15 s, at least 100 ms; it must be much shorter than the
	// handler's DeduplicationWindow.
	Lease time.Duration
	// Listen, if not nil, waits in [Outbox.Run] for news of the database, and calls
	// news whenever there may be some. It returns with an error when it cannot wait any
	// more, and is called again. For PostgreSQL it is pgxoutbox.Listen, and the migration
	// 002_notify.sql is needed.
	Listen func(ctx context.Context, db *sql.DB, news func()) error
	// HoldBack makes the rows of a channel wait while one of this channel is set
	// aside, until [Outbox.Retry] or [Outbox.Discard]. By default later rows go on.
	HoldBack bool
	// Keep is how long rows are kept after they were carried out, for those who
	// want to look them up in hotsock_outbox_ended. Defaults to 0, not at all.
	Keep time.Duration
	// Observe, if not nil, is told of each batch, by the goroutine of [Outbox.Run],
	// which waits for it.
	Observe func(Batch)
	// Logger is told what an operator should know. Defaults to slog.Default().
	Logger *slog.Logger
}

// An Outbox writes rows within transactions, and carries them out. Its methods may
// be called concurrently. It holds no resources.
type Outbox struct {
	dialect *dialect
	opts    Options
	// written gets a value when this process has written a row, which is perhaps
	// not committed yet.
	written chan struct{}
}

// New returns the outbox of a database. The error says what is wrong with the
// options.
func New(d Dialect, o Options) (*Outbox, error) {
	known, ok := dialects[d]
	if !ok {
		return nil, fmt.Errorf("outbox: there is no dialect %d", d)
	}
	if o.MaxDataSize == 0 {
		o.MaxDataSize = 32 << 10
	}
	if o.BatchSize == 0 {
		o.BatchSize = 500
	}
	if o.PollInterval == 0 {
		o.PollInterval = time.Second
	}
	if o.Lease == 0 {
		o.Lease = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	var errs []error
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{o.MaxDataSize < 0 || o.MaxDataSize > maxBody/2, "MaxDataSize must be 1 byte to 8 MiB"},
		{o.BatchSize < 0 || o.BatchSize > maxBatch, "BatchSize must be 1 to 10,000"},
		{o.PollInterval < 10*time.Millisecond, "PollInterval must be at least 10 ms"},
		{o.Lease < 100*time.Millisecond, "Lease must be at least 100 ms"},
		{o.Keep < 0, "Keep must not be negative"},
	} {
		if c.wrong {
			errs = append(errs, errors.New("outbox: Options."+c.text))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &Outbox{dialect: known, opts: o, written: make(chan struct{}, 1)}, nil
}

// A Handler carries out what rows say. It is a [hotsock.Handler]; tests may have
// another one.
type Handler interface {
	Publish(ctx context.Context, m hotsock.Message) (hotsock.PublishResult, error)
	SetStorage(ctx context.Context, e hotsock.Entry) (hotsock.SetResult, error)
	EraseChannel(ctx context.Context, channel string) (hotsock.Erasure, error)
	EraseUser(ctx context.Context, channel, uid string) (hotsock.Erasure, error)
	EraseStorage(ctx context.Context, channel, prefix string) (hotsock.Erasure, error)
}

var _ Handler = (*hotsock.Handler)(nil)
