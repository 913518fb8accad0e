package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// sessionLife is how long somebody stays signed in.
const sessionLife = 12 * time.Hour

// A session is somebody who is signed in.
type session struct {
	person
	// ID names the session, and opens nothing.
	ID    string
	Begun time.Time
}

// beginSession returns the secret of a new session, which only the cookie has.
func (db *database) beginSession(ctx context.Context, uid string) (secret string, err error) {
	now := time.Now()
	if _, err := db.ExecContext(ctx, `delete from sessions where expires <= ?`, now.Unix()); err != nil {
		return "", err
	}
	secret = rand.Text() // 130 random bits
	hash := sha256.Sum256([]byte(secret))
	_, err = db.ExecContext(ctx, `insert into sessions (hash, uid, begun, expires) values (?, ?, ?, ?)`,
		hash[:], uid, now.UnixMicro(), now.Add(sessionLife).Unix())
	return secret, err
}

// session returns the session with that secret, or sql.ErrNoRows.
func (db *database) session(ctx context.Context, secret string) (s session, err error) {
	hash := sha256.Sum256([]byte(secret))
	var begun int64
	err = db.QueryRowContext(ctx, `select lower(hex(s.hash)), s.begun, p.uid, p.name, p.role, p.suspended
		from sessions s join people p on p.uid = s.uid where s.hash = ? and s.expires > ?`, hash[:], time.Now().Unix()).
		Scan(&s.ID, &begun, &s.UID, &s.Name, &s.Role, &s.Suspended)
	s.Begun = time.UnixMicro(begun)
	return s, err
}

func (db *database) endSession(ctx context.Context, id string) error {
	_, err := db.ExecContext(ctx, `delete from sessions where hash = unhex(?)`, id)
	return err
}

// endSessions signs somebody out everywhere.
func (db *database) endSessions(ctx context.Context, uid string) error {
	_, err := db.ExecContext(ctx, `delete from sessions where uid = ?`, uid)
	return err
}
