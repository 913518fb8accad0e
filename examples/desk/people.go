package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"golang.org/x/crypto/bcrypt"
)

// A role says what somebody does here.
type role string

const (
	customer role = "customer"
	agent    role = "agent"
	lead     role = "lead" // an agent who also decides who is one
)

// staff reports whether the role is one of those who answer.
func (r role) staff() bool { return r == agent || r == lead }

// A person is somebody who can sign in.
type person struct {
	UID       string `json:"uid"`
	Name      string `json:"name"`
	Role      role   `json:"role"`
	Suspended bool   `json:"-"`
}

// metadata is what others see of the person beside all that they write.
func (p person) metadata() json.RawMessage {
	text, err := json.Marshal(map[string]any{"name": p.Name, "role": p.Role})
	if err != nil {
		panic(err) // of two strings
	}
	return text
}

const selectPerson = `select p.uid, p.name, p.role, p.suspended from people p `

// person returns the person with that uid, or sql.ErrNoRows.
func (db *database) person(ctx context.Context, uid string) (person, error) {
	return scanPerson(db.QueryRowContext(ctx, selectPerson+`where p.uid = ?`, uid))
}

func scanPerson(r row) (p person, err error) {
	err = r.Scan(&p.UID, &p.Name, &p.Role, &p.Suspended)
	return p, err
}

// staff returns all who answer, by name.
func (db *database) staff(ctx context.Context) ([]person, error) {
	rows, err := db.QueryContext(ctx, selectPerson+`where p.role <> 'customer' and not p.suspended order by p.name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []person
	for rows.Next() {
		p, err := scanPerson(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

func (db *database) setRole(ctx context.Context, uid string, r role) error {
	return changed(db.ExecContext(ctx, `update people set role = ? where uid = ?`, r, uid))
}

func (db *database) suspend(ctx context.Context, uid string) error {
	return changed(db.ExecContext(ctx, `update people set suspended = 1 where uid = ?`, uid))
}

// changed returns sql.ErrNoRows if a statement has changed nothing.
func changed(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); n > 0 || err != nil {
		return err
	}
	return sql.ErrNoRows
}

// nobody's password takes as long to check as everybody's: how long an answer takes
// does not tell which addresses there are.
var nobody, _ = bcrypt.GenerateFromPassword([]byte("nobody"), bcrypt.DefaultCost)

// signIn returns who has this address and this password, or sql.ErrNoRows.
func (db *database) signIn(ctx context.Context, email, password string) (uid string, err error) {
	hash := nobody
	err = db.QueryRowContext(ctx, `select uid, password from people where email = ? and not suspended`, email).Scan(&uid, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || uid == "" {
		return "", sql.ErrNoRows
	}
	return uid, nil
}
