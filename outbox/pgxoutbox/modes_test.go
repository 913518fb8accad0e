package pgxoutbox_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/outbox/internal/dbtest"
)

// An outside notes statements that run in no transaction.
type outside struct {
	mu         sync.Mutex
	statements []string
}

func (o *outside) TraceQueryStart(ctx context.Context, c *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if c.PgConn().TxStatus() != 'T' {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.statements = append(o.statements, data.SQL)
	}
	return ctx
}

func (*outside) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Behind a PgBouncer, each transaction has a session of its own, and nothing may be
// prepared: apps choose another mode of pgx there.
func TestBehindPgBouncer(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			config, err := pgx.ParseConfig(dbtest.Postgres(t))
			if err != nil {
				t.Fatal(err)
			}
			var out outside
			config.DefaultQueryExecMode, config.Tracer = mode, &out
			db := stdlib.OpenDB(*config)
			defer db.Close()
			box, err := outbox.New(outbox.Postgres, outbox.Options{Keep: time.Hour, HoldBack: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := box.Migrate(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			if len(out.statements) != 1 || !strings.HasPrefix(out.statements[0], "begin") {
				t.Errorf("Migrate needs a session for %q", out.statements)
			}
			if err := box.Publish(t.Context(), db, hotsock.Message{Channel: "a", Event: "e", Data: `"it's`}); err != nil {
				t.Fatal(err)
			}
			var h counted
			run, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- box.Run(run, db, &h) }()
			await.That(t, "a message", func() bool { return h.n.Load() == 1 })
			await.That(t, "no rows", func() bool {
				s, err := box.Stats(t.Context(), db)
				return err == nil && s.Waiting == 0
			})
			if _, err := box.Failed(t.Context(), db, outbox.FailedQuery{}); err != nil {
				t.Error(err)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
