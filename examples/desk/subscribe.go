package main

import (
	"context"

	"github.com/hotsock-go/hotsock"
)

// maySubscribe asks the database who may see a channel, and what they may do there.
func (d *desk) maySubscribe(ctx context.Context, who hotsock.Requester, s hotsock.SubscribeRequest) (*hotsock.ChannelClaims, error) {
	id, isTicket := ticketOf(s.Channel)
	if !isTicket && s.Channel != staffChannel && s.Channel != lobbyChannel {
		return nil, nil // one's own inbox, which the claims permit, or nothing
	}
	p, err := d.active(ctx, who.UID)
	if err != nil {
		return nil, err
	}
	switch {
	case isTicket:
		if _, err := d.ticketFor(ctx, p, id); err != nil {
			return nil, err
		}
		if p.Role.staff() {
			return staffTicketClaims(), nil
		}
		return ticketClaims(), nil
	case s.Channel == staffChannel && !p.Role.staff():
		return nil, errNotStaff
	case s.Channel == staffChannel:
		return &hotsock.ChannelClaims{Subscribe: hotsock.Allow}, nil
	case p.Role.staff():
		// They watch how many customers are there, and are not counted.
		return &hotsock.ChannelClaims{
			Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, OmitFromSubCount: hotsock.Allow,
		}, nil
	}
	return nil, nil
}

// ticketFor returns a ticket that the person may see.
func (d *desk) ticketFor(ctx context.Context, p person, id int64) (ticket, error) {
	t, err := d.db.ticket(ctx, id)
	if err != nil {
		return t, d.refuse(ctx, err, errNotYours)
	}
	if !p.Role.staff() && t.Customer.UID != p.UID {
		return t, errNotYours
	}
	return t, nil
}
