package main

import (
	"context"

	"github.com/hotsock-go/hotsock"
)

// callSuspend takes a customer out: they are signed out everywhere, and do not come
// back.
func (d *desk) callSuspend(ctx context.Context, c hotsock.Call, whom struct {
	UID string `json:"uid"`
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
	return nothing{}, d.signOutEverywhere(ctx, other.UID)
}
