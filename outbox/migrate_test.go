package outbox_test

import (
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/outbox/pgxoutbox"
)

func TestMigrateOnManyNodes(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		o := outbox.Options{Logger: slog.New(slog.DiscardHandler)}
		if d.listen {
			o.Listen = pgxoutbox.Listen
		}
		box, err := outbox.New(d.dialect, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Run(t.Context(), d.open(t), &recorder{}); err == nil || !strings.Contains(err.Error(), "migrations") {
			t.Errorf("without tables, Run returned %v", err)
		}
		var nodes sync.WaitGroup
		for range 4 {
			db := d.open(t)
			nodes.Go(func() {
				for range 2 {
					if err := box.Migrate(t.Context(), db); err != nil {
						t.Error(err)
					}
				}
			})
		}
		nodes.Wait()
		db, h := d.open(t), &recorder{}
		run(t, box, db, h)
		publish(t, box, db, "a", 1)
		wantDone(t, h, "a n 1")
	})
}

// TestMigrations runs the files as the app's own tool would.
func TestMigrations(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		files, err := outbox.Migrations(d.dialect)
		if err != nil {
			t.Fatal(err)
		}
		db := d.open(t)
		names, err := fs.Glob(files, "*.sql")
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			statements := []string{string(text)}
			if d.dialect == outbox.MySQL {
				statements = strings.SplitAfter(string(text), ";\n")
			}
			for _, s := range statements {
				if strings.TrimSpace(s) == "" {
					continue
				}
				if _, err := db.ExecContext(t.Context(), s); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
		h := &recorder{}
		box := d.outbox(t, db, outbox.Options{}) // which finds nothing to do
		run(t, box, db, h)
		publish(t, box, db, "a", 1)
		wantDone(t, h, "a n 1")
	})
	if _, err := outbox.Migrations(0); err == nil {
		t.Error("there are migrations of a dialect 0")
	}
}
