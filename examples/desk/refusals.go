package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	"github.com/hotsock-go/hotsock"
)

// What clients are told. The codes are the desk's own, and the page knows them.
var (
	errSignedOut  = &hotsock.Error{Code: hotsock.CodeUnauthorized, Message: "Please sign in."}
	errSuspended  = &hotsock.Error{Code: "SUSPENDED", Message: "This account is suspended."}
	errNotStaff   = &hotsock.Error{Code: "NOT_STAFF", Message: "Only agents can do that."}
	errNotLead    = &hotsock.Error{Code: "NOT_LEAD", Message: "Only a lead can do that."}
	errNotYours   = &hotsock.Error{Code: "NOT_YOUR_TICKET", Message: "There is no such ticket of yours."}
	errNoTicket   = &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: "Call this on the channel of a ticket."}
	errNoPerson   = &hotsock.Error{Code: "NO_PERSON", Message: "There is no such person."}
	errClosed     = &hotsock.Error{Code: "TICKET_CLOSED", Message: "This ticket is closed. Reopen it to write."}
	errOpen       = &hotsock.Error{Code: "TICKET_OPEN", Message: "Rate the help once the ticket is closed."}
	errTooMany    = &hotsock.Error{Code: "TOO_MANY_TICKETS", Message: "You have many open tickets. Close one first."}
	errUnassigned = &hotsock.Error{Code: "NOT_ASSIGNED", Message: "The ticket cannot be given to them, or is theirs already."}
)

// refuse turns what the database said into what a client is told: absent if there is
// no such row; otherwise to come back later, and the log has the reason.
func (d *desk) refuse(ctx context.Context, err error, absent *hotsock.Error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return absent
	}
	slog.ErrorContext(ctx, "the database has failed", "error", err)
	return &hotsock.Error{Code: hotsock.CodeUnavailable, Message: "Something is not available now. Please try again."}
}
