package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/hotsock-go/hotsock"
)

// assign gives a ticket to an agent, and says so on it.
func (d *desk) assign(ctx context.Context, by person, id int64, uid string) error {
	if !by.Role.staff() {
		return errNotStaff
	}
	if err := d.db.assign(ctx, id, uid); err != nil {
		return d.refuse(ctx, err, errUnassigned)
	}
	to, err := d.active(ctx, uid)
	if err != nil {
		return err
	}
	text := by.Name + " took the ticket."
	if to.UID != by.UID {
		text = by.Name + " gave the ticket to " + to.Name + "."
	}
	return d.note(ctx, id, text)
}

// setClosed closes or reopens a ticket, and says so on it.
func (d *desk) setClosed(ctx context.Context, by person, id int64, closed bool) error {
	err := d.db.setClosed(ctx, id, closed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // somebody was faster
	}
	if err != nil {
		return d.refuse(ctx, err, nil)
	}
	if closed {
		return d.note(ctx, id, by.Name+" closed the ticket.")
	}
	return d.note(ctx, id, by.Name+" reopened the ticket.")
}

// note writes on a ticket what has become of it, in nobody's name.
func (d *desk) note(ctx context.Context, id int64, text string) error {
	_, err := d.rt.Publish(ctx, hotsock.Message{
		Channel: ticketChannel(id), Event: "note", Data: message{Text: text},
		Store: keepMessages, EmitEvent: true,
	})
	return err
}
