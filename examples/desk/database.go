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
)

//go:embed schema.sql
var schema string

// A database is the desk's own. Every query has placeholders for what people typed.
type database struct{ *sql.DB }

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
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the database: %w", err), db.Close())
	}
	return &database{db}, nil
}

// A row is what one can be read from: sql.Row or sql.Rows.
type row interface {
	Scan(to ...any) error
}
