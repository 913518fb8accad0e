package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

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
	if to.UID == by.UID {
		return d.note(ctx, id, by.Name+" took the ticket.")
	}
	if err := d.note(ctx, id, by.Name+" gave the ticket to "+to.Name+"."); err != nil {
		return err
	}
	// Their pages hear of the ticket from now on, and say so. If that fails, they still
	// find it in the list.
	if _, err := d.rt.Subscribe(ctx, hotsock.Target{UID: to.UID}, ticketChannel(id), *staffTicketClaims()); err != nil {
		slog.WarnContext(ctx, "an agent does not hear of a ticket", "agent", to.UID, "ticket", id, "error", err)
	}
	return nil
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
	who := by.Name
	if !by.Role.staff() {
		who = "The customer" // by name, it would have to be erased with them
	}
	if closed {
		return d.note(ctx, id, who+" closed the ticket.")
	}
	return d.note(ctx, id, who+" reopened the ticket.")
}

// note writes on a ticket what has become of it, in nobody's name.
func (d *desk) note(ctx context.Context, id int64, text string) error {
	_, err := d.rt.Publish(ctx, hotsock.Message{
		Channel: ticketChannel(id), Event: "note", Data: message{Text: text},
		Store: keepMessages, EmitEvent: true,
	})
	return err
}
