package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/outbox"
)

//go:embed schema.sql
var schema string

// A database is the desk's own. Every query has placeholders for what people typed.
type database struct {
	*sql.DB
	// box publishes what transactions say, if they commit.
	box *outbox.Outbox
}

// openDatabase opens the database in a file, or one in memory if the path is "".
func openDatabase(ctx context.Context, path string) (*database, error) {
	options := url.Values{
		"_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "journal_mode(wal)"},
		"_txlock": {"immediate"}, // a transaction that reads first can write, too
	}
	name := url.URL{Scheme: "file", Opaque: url.PathEscape(path)}
	if path == "" {
		name.Opaque = "/" + rand.Text()
		options.Set("vfs", "memdb")
	}
	name.RawQuery = options.Encode()
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	if path == "" {
		// Readers and writers lock each other out there: they wait for each other here.
		db.SetMaxOpenConns(1)
	}
	box, err := outbox.New(outbox.SQLite, outbox.Options{})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the database: %w", err), db.Close())
	}
	if err := box.Migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &database{db, box}, nil
}

// change carries out a statement that changes one row, and has the messages published if
// that commits. If there is no such row, it returns sql.ErrNoRows.
func (db *database) change(ctx context.Context, messages []hotsock.Message, statement string, args ...any) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	if err := changed(tx.ExecContext(ctx, statement, args...)); err != nil {
		return err
	}
	if err := db.box.Publish(ctx, tx, messages...); err != nil {
		return err
	}
	return tx.Commit()
}

// A row is what one can be read from: sql.Row or sql.Rows.
type row interface {
	Scan(to ...any) error
}
