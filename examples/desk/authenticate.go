package main

import (
	"context"
	"net/http"

	"github.com/hotsock-go/hotsock"
)

// sessionCookie has the secret of a session.
const sessionCookie = "session"

// signedIn returns whose session a request has.
func (d *desk) signedIn(r *http.Request) (person, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return person{}, errSignedOut
	}
	p, err := d.db.sessionOf(r.Context(), cookie.Value)
	if err != nil {
		return person{}, d.refuse(r.Context(), err, errSignedOut)
	}
	return p, nil
}

// authenticate says who connects: no token is ever made. What somebody may do on a
// ticket is decided when they subscribe to it, and what a method does is up to the
// method.
func (d *desk) authenticate(r *http.Request) (*hotsock.Claims, error) {
	p, err := d.signedIn(r)
	if err != nil {
		return nil, err
	}
	c := &hotsock.Claims{
		UID: p.UID,
		UMD: p.metadata(),
		Channels: map[string]hotsock.ChannelClaims{
			inboxChannel(p.UID): {AutoSubscribe: hotsock.Allow},
		},
		Calls: map[string]hotsock.Permission{
			"ticket.list": hotsock.Allow, "ticket.open": hotsock.Allow,
			"staff.list": hotsock.Allow, "person.setRole": hotsock.Allow, "person.suspend": hotsock.Allow,
		},
	}
	if p.Role == customer {
		c.Channels[lobbyChannel] = hotsock.ChannelClaims{AutoSubscribe: hotsock.Allow}
	}
	return c, nil
}

// mayConnect keeps out who was suspended while a session of theirs was still open.
func (d *desk) mayConnect(ctx context.Context, who hotsock.Requester) error {
	_, err := d.active(ctx, who.UID)
	return err
}

// active returns a person who is not suspended.
func (d *desk) active(ctx context.Context, uid string) (person, error) {
	p, err := d.db.person(ctx, uid)
	if err != nil {
		return p, d.refuse(ctx, err, errSignedOut)
	}
	if p.Suspended {
		return p, errSuspended
	}
	return p, nil
}
