package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/hotsock-go/hotsock"
)

// A ticket is what a customer wants, and who takes care of it.
type ticket struct {
	ID       int64  `json:"id"`
	Subject  string `json:"subject"`
	Customer person `json:"customer"`
	// Agent is nil while the ticket is nobody's.
	Agent   *person `json:"agent"`
	Closed  bool    `json:"closed"`
	Changed int64   `json:"changed"` // ms since 1970
}

const selectTicket = `select t.id, t.subject, t.closed, t.changed, c.uid, c.name, c.role, a.uid, a.name, a.role
	from tickets t join people c on c.uid = t.customer left join people a on a.uid = t.agent `

func scanTicket(r row) (t ticket, err error) {
	var uid, name, does sql.NullString
	c := &t.Customer
	err = r.Scan(&t.ID, &t.Subject, &t.Closed, &t.Changed, &c.UID, &c.Name, &c.Role, &uid, &name, &does)
	if uid.Valid {
		t.Agent = &person{UID: uid.String, Name: name.String, Role: role(does.String)}
	}
	return t, err
}

// ticket returns a ticket, or sql.ErrNoRows.
func (db *database) ticket(ctx context.Context, id int64) (ticket, error) {
	return scanTicket(db.QueryRowContext(ctx, selectTicket+`where t.id = ?`, id))
}

// maxTickets is how many tickets a list has.
const maxTickets = 100

// tickets returns the newest of a customer, or of all customers if that is "".
func (db *database) tickets(ctx context.Context, customer string) ([]ticket, error) {
	rows, err := db.QueryContext(ctx,
		selectTicket+`where ? in ('', t.customer) order by t.closed, t.changed desc limit ?`, customer, maxTickets)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []ticket
	for rows.Next() {
		t, err := scanTicket(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// maxOpen is how many open tickets a customer may have.
const maxOpen = 20

// openTicket returns the ticket that the page of a customer calls request. It makes
// one if there is none, and has its first messages published; of two calls, both get
// the same. With maxOpen tickets, it returns sql.ErrNoRows.
func (db *database) openTicket(ctx context.Context, customer, subject, request string, first ...hotsock.Message) (id int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	err = changed(tx.ExecContext(ctx, `insert into tickets (customer, subject, changed, request)
		select ?1, ?2, ?3, ?4 where (select count(*) from tickets where customer = ?1 and not closed) < ?5
		on conflict do nothing`, customer, subject, time.Now().UnixMilli(), request, maxOpen))
	opened := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `select id from tickets where customer = ? and request = ?`, customer, request).Scan(&id)
	if err != nil || !opened {
		return id, err
	}
	for i := range first {
		first[i].Channel = ticketChannel(id)
	}
	if err := db.box.Publish(ctx, tx, first...); err != nil {
		return 0, err
	}
	return id, tx.Commit()
}

// assign gives a ticket to somebody who is not suspended and answers; sql.ErrNoRows
// means that it is theirs already, or that they may not have it.
func (db *database) assign(ctx context.Context, id int64, uid string, notes ...hotsock.Message) error {
	return db.change(ctx, notes, `update tickets set agent = ?1 where id = ?2 and agent is not ?1
		and exists (select 1 from people where uid = ?1 and role <> 'customer' and not suspended)`, uid, id)
}

// setClosed closes or opens a ticket; sql.ErrNoRows means that it was so already.
func (db *database) setClosed(ctx context.Context, id int64, closed bool, notes ...hotsock.Message) error {
	return db.change(ctx, notes, `update tickets set closed = ?1 where id = ?2 and closed <> ?1`, closed, id)
}

// touch notes that something has happened on a ticket, and returns it.
func (db *database) touch(ctx context.Context, id int64) (ticket, error) {
	if _, err := db.ExecContext(ctx, `update tickets set changed = ? where id = ?`, time.Now().UnixMilli(), id); err != nil {
		return ticket{}, err
	}
	return db.ticket(ctx, id)
}

// see notes how far somebody has read, which never goes back: ids grow.
func (db *database) see(ctx context.Context, uid string, id int64, message string) error {
	_, err := db.ExecContext(ctx, `insert into seen (uid, ticket, message) values (?, ?, ?)
		on conflict do update set message = excluded.message where excluded.message > message`, uid, id, message)
	return err
}

// seen returns how far somebody has read on each ticket.
func (db *database) seen(ctx context.Context, uid string) (map[int64]string, error) {
	rows, err := db.QueryContext(ctx, `select ticket, message from seen where uid = ?`, uid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[int64]string)
	for rows.Next() {
		var id int64
		var message string
		if err := rows.Scan(&id, &message); err != nil {
			return nil, err
		}
		all[id] = message
	}
	return all, rows.Err()
}

// eraseSubjects erases what the tickets of a customer are about, and returns them.
func (db *database) eraseSubjects(ctx context.Context, customer string) ([]int64, error) {
	rows, err := db.QueryContext(ctx, `update tickets set subject = 'Erased' where customer = ? returning id`, customer)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
