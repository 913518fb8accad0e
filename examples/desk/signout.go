package main

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock"
)

// meanwhile is for how long a session is refused that the database has no more: as long
// as somebody can take to connect whose session was looked up just before.
const meanwhile = time.Minute

// signOut ends a session, and the connections that were made with it.
func (d *desk) signOut(ctx context.Context, session string) error {
	if err := d.db.endSession(ctx, session); err != nil {
		return d.refuse(ctx, err, nil)
	}
	_, err := d.rt.Revoke(ctx, hotsock.Revocation{TokenID: session, Until: time.Now().Add(meanwhile)})
	return err
}

// signOutEverywhere ends all sessions that somebody has now.
func (d *desk) signOutEverywhere(ctx context.Context, uid string) error {
	if err := d.db.endSessions(ctx, uid); err != nil {
		return d.refuse(ctx, err, nil)
	}
	_, err := d.rt.Revoke(ctx, hotsock.Revocation{UID: uid, Until: time.Now().Add(meanwhile)})
	return err
}
