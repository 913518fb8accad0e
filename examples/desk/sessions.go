package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// sessionLife is how long somebody stays signed in.
const sessionLife = 12 * time.Hour

// beginSession returns the secret of a new session, which only the cookie has.
func (db *database) beginSession(ctx context.Context, uid string) (secret string, err error) {
	now := time.Now()
	if _, err := db.ExecContext(ctx, `delete from sessions where expires <= ?`, now.Unix()); err != nil {
		return "", err
	}
	secret = rand.Text() // 130 random bits
	hash := sha256.Sum256([]byte(secret))
	_, err = db.ExecContext(ctx, `insert into sessions (hash, uid, expires) values (?, ?, ?)`,
		hash[:], uid, now.Add(sessionLife).Unix())
	return secret, err
}

// sessionOf returns whose session it is, or sql.ErrNoRows.
func (db *database) sessionOf(ctx context.Context, secret string) (person, error) {
	hash := sha256.Sum256([]byte(secret))
	return scanPerson(db.QueryRowContext(ctx,
		selectPerson+`join sessions s on s.uid = p.uid where s.hash = ? and s.expires > ?`, hash[:], time.Now().Unix()))
}

func (db *database) endSession(ctx context.Context, secret string) error {
	hash := sha256.Sum256([]byte(secret))
	_, err := db.ExecContext(ctx, `delete from sessions where hash = ?`, hash[:])
	return err
}

// endSessions signs somebody out everywhere.
func (db *database) endSessions(ctx context.Context, uid string) error {
	_, err := db.ExecContext(ctx, `delete from sessions where uid = ?`, uid)
	return err
}
