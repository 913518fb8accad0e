package main

import (
	"context"

	"github.com/hotsock-go/hotsock"
)

// handle registers what pages can call. The claims of a connection permit the first
// group; the others are called on the channel of a ticket, and the claims that
// maySubscribe returned say who may.
func (d *desk) handle() {
	d.rt.Handle("ticket.list", hotsock.Typed(d.callList))
	d.rt.Handle("ticket.open", hotsock.Typed(d.callOpen))
	d.rt.Handle("staff.list", hotsock.Typed(d.callStaff))
	d.rt.Handle("person.setRole", hotsock.Typed(d.callSetRole))
	d.rt.Handle("person.suspend", hotsock.Typed(d.callSuspend))

	d.rt.Handle("ticket.seen", hotsock.Typed(d.callSeen))
	d.rt.Handle("ticket.assign", hotsock.Typed(d.callAssign))
	d.rt.Handle("ticket.close", hotsock.Typed(d.callClose))
	d.rt.Handle("ticket.reopen", hotsock.Typed(d.callReopen))
}

// nothing is what a method without parameters takes, and one without a result returns.
type nothing struct{}

// onTicket returns who calls a method on the channel of a ticket, and the ticket.
func (d *desk) onTicket(ctx context.Context, c hotsock.Call) (person, ticket, error) {
	id, ok := ticketOf(c.Channel)
	if !ok {
		return person{}, ticket{}, errNoTicket
	}
	p, err := d.active(ctx, c.UID)
	if err != nil {
		return p, ticket{}, err
	}
	t, err := d.ticketFor(ctx, p, id)
	return p, t, err
}

// maxRequest is the length of the longest name for a request, in bytes.
const maxRequest = 40

// A newTicket is what a customer wants.
type newTicket struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	// Request is the page's name for the ticket: calling twice opens one.
	Request string `json:"request"`
}

// callOpen opens a ticket, and writes its first message in the name of the customer.
func (d *desk) callOpen(ctx context.Context, c hotsock.Call, n newTicket) (ticket, error) {
	p, err := d.active(ctx, c.UID)
	if err != nil {
		return ticket{}, err
	}
	if n.Subject, err = checkText("The subject", n.Subject, 120); err != nil {
		return ticket{}, err
	}
	if n.Text, err = checkText("The message", n.Text, maxText); err != nil {
		return ticket{}, err
	}
	if n.Request == "" || len(n.Request) > maxRequest {
		return ticket{}, invalid("A new ticket has a short request.")
	}
	id, err := d.db.openTicket(ctx, p.UID, n.Subject, n.Request, hotsock.Message{
		Event: "chat", Data: message{Text: maskCards(n.Text)},
		From:  &hotsock.Member{UID: p.UID, UMD: p.metadata()},
		Store: keepMessages, EmitEvent: true,
	})
	if err != nil {
		return ticket{}, d.refuse(ctx, err, errTooMany)
	}
	return d.ticketFor(ctx, p, id)
}

// callSeen notes that somebody has read up to a message.
func (d *desk) callSeen(ctx context.Context, c hotsock.Call, seen struct {
	Message string `json:"message"`
},
) (nothing, error) {
	p, t, err := d.onTicket(ctx, c)
	if err != nil {
		return nothing{}, err
	}
	if len(seen.Message) != len("01ARZ3NDEKTSV4RRFFQ69G5FAV") {
		return nothing{}, invalid("params.message is not the id of a message")
	}
	if err := d.db.see(ctx, p.UID, t.ID, seen.Message); err != nil {
		return nothing{}, d.refuse(ctx, err, errNoTicket)
	}
	return nothing{}, nil
}

// callAssign gives a ticket to an agent.
func (d *desk) callAssign(ctx context.Context, c hotsock.Call, to struct {
	UID string `json:"uid"`
},
) (nothing, error) {
	p, t, err := d.onTicket(ctx, c)
	if err != nil {
		return nothing{}, err
	}
	return nothing{}, d.assign(ctx, p, t.ID, to.UID)
}

func (d *desk) callClose(ctx context.Context, c hotsock.Call, _ nothing) (nothing, error) {
	p, t, err := d.onTicket(ctx, c)
	if err != nil {
		return nothing{}, err
	}
	return nothing{}, d.setClosed(ctx, p, t.ID, true)
}

func (d *desk) callReopen(ctx context.Context, c hotsock.Call, _ nothing) (nothing, error) {
	p, t, err := d.onTicket(ctx, c)
	if err != nil {
		return nothing{}, err
	}
	return nothing{}, d.setClosed(ctx, p, t.ID, false)
}
