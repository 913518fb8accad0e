package main

import (
	"context"
	"net/http"

	"github.com/hotsock-go/hotsock"
)

// sessionCookie has the secret of a session.
const sessionCookie = "session"

// signedIn returns the session of a request.
func (d *desk) signedIn(r *http.Request) (session, error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, errSignedOut
	}
	s, err := d.db.session(r.Context(), cookie.Value)
	if err != nil {
		return session{}, d.refuse(r.Context(), err, errSignedOut)
	}
	return s, nil
}

// authenticate says who connects: no token is ever made. What somebody may do on a
// ticket is decided when they subscribe to it, and what a method does is up to the
// method.
func (d *desk) authenticate(r *http.Request) (*hotsock.Claims, error) {
	s, err := d.signedIn(r)
	if err != nil {
		return nil, err
	}
	c := &hotsock.Claims{
		// By these, signOut ends the connections of a session, or of all of them.
		ID: s.ID, IssuedAt: s.Begun,
		UID: s.UID,
		UMD: s.metadata(),
		Channels: map[string]hotsock.ChannelClaims{
			inboxChannel(s.UID): {AutoSubscribe: hotsock.Allow},
		},
		Calls: map[string]hotsock.Permission{
			"ticket.list": hotsock.Allow, "ticket.open": hotsock.Allow,
			"staff.list": hotsock.Allow, "person.setRole": hotsock.Allow, "person.suspend": hotsock.Allow,
		},
	}
	if s.Role == customer {
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
