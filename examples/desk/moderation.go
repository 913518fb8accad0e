package main

import (
	"context"

	"github.com/hotsock-go/hotsock"
)

// checkDeletion decides on the deletion of a message. The claims say whose messages:
// agents may delete all, customers their own.
func (d *desk) checkDeletion(ctx context.Context, who hotsock.Requester, r hotsock.DeleteRequest) error {
	p, err := d.active(ctx, who.UID)
	if err != nil || p.Role.staff() {
		return err
	}
	_, err = d.writable(ctx, who, r.Channel) // nothing changes on a closed ticket
	return err
}

// callSuspend takes a customer out: they are signed out everywhere, and do not come
// back. With erase, nothing stays of what they have written.
func (d *desk) callSuspend(ctx context.Context, c hotsock.Call, whom struct {
	UID   string `json:"uid"`
	Erase bool   `json:"erase"`
},
) (nothing, error) {
	p, err := d.active(ctx, c.UID)
	if err != nil {
		return nothing{}, err
	}
	other, err := d.db.person(ctx, whom.UID)
	switch {
	case !p.Role.staff():
		return nothing{}, errNotStaff
	case err != nil:
		return nothing{}, d.refuse(ctx, err, errNoPerson)
	case other.Role != customer:
		return nothing{}, errNotLead
	}
	if err := d.db.suspend(ctx, other.UID); err != nil {
		return nothing{}, d.refuse(ctx, err, errNoPerson)
	}
	if err := d.signOutEverywhere(ctx, other.UID); err != nil || !whom.Erase {
		return nothing{}, err
	}
	return nothing{}, d.erase(ctx, other.UID)
}

// erase erases what a customer has written: their messages and reactions, also for
// those who look at a ticket now, and what their tickets are about. If it fails, it can
// be called again. If this process dies, another one finishes what was begun.
func (d *desk) erase(ctx context.Context, uid string) error {
	ids, err := d.db.eraseSubjects(ctx, uid)
	if err != nil {
		return d.refuse(ctx, err, nil)
	}
	for _, id := range ids {
		if _, err := d.rt.EraseUser(ctx, ticketChannel(id), uid); err != nil {
			return err
		}
		if err := d.announce(ctx, id, nil); err != nil {
			return err
		}
	}
	return nil
}
