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
	to, err := d.db.person(ctx, uid)
	if err != nil {
		return d.refuse(ctx, err, errUnassigned)
	}
	text := by.Name + " took the ticket."
	if to.UID != by.UID {
		text = by.Name + " gave the ticket to " + to.Name + "."
	}
	if err := d.db.assign(ctx, id, uid, note(id, text)); err != nil {
		return d.refuse(ctx, err, errUnassigned)
	}
	if to.UID == by.UID {
		return nil
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
	who := by.Name
	if !by.Role.staff() {
		who = "The customer" // by name, it would have to be erased with them
	}
	does := " reopened"
	if closed {
		does = " closed"
	}
	err := d.db.setClosed(ctx, id, closed, note(id, who+does+" the ticket."))
	if errors.Is(err, sql.ErrNoRows) {
		return nil // somebody was faster
	}
	if err != nil {
		return d.refuse(ctx, err, nil)
	}
	return nil
}

// note says on a ticket what has become of it, in nobody's name. It goes with the
// transaction that changes the ticket: pages are told of what has happened, and of all
// that has.
func note(id int64, text string) hotsock.Message {
	return hotsock.Message{
		Channel: ticketChannel(id), Event: "note", Data: message{Text: text},
		Store: keepMessages, EmitEvent: true,
	}
}
