package main

import (
	"context"

	"github.com/hotsock-go/hotsock"
)

// callStaff returns all who answer, for the list of those who can be given a ticket.
func (d *desk) callStaff(ctx context.Context, c hotsock.Call, _ nothing) ([]person, error) {
	p, err := d.active(ctx, c.UID)
	if err != nil {
		return nil, err
	}
	if !p.Role.staff() {
		return nil, errNotStaff
	}
	staff, err := d.db.staff(ctx)
	if err != nil {
		return nil, d.refuse(ctx, err, nil)
	}
	return staff, nil
}

// callSetRole makes somebody an agent, or a customer again.
func (d *desk) callSetRole(ctx context.Context, c hotsock.Call, to struct {
	UID  string `json:"uid"`
	Role role   `json:"role"`
},
) (nothing, error) {
	p, err := d.active(ctx, c.UID)
	switch {
	case err != nil:
		return nothing{}, err
	case p.Role != lead || to.UID == p.UID:
		return nothing{}, errNotLead
	case to.Role != customer && to.Role != agent:
		return nothing{}, &hotsock.Error{Code: hotsock.CodeInvalidParams, Message: "params.role must be customer or agent"}
	}
	if err := d.db.setRole(ctx, to.UID, to.Role); err != nil {
		return nothing{}, d.refuse(ctx, err, errNoPerson)
	}
	if to.Role == customer {
		return nothing{}, d.leaveDesk(ctx, to.UID)
	}
	return nothing{}, nil
}

// leaveDesk ends what somebody could hear as an agent. The database has changed
// before, so maySubscribe lets them in nowhere again.
func (d *desk) leaveDesk(ctx context.Context, uid string) error {
	channels := []string{staffChannel, lobbyChannel}
	for q := (hotsock.ChannelQuery{Prefix: ticketPrefix}); ; {
		page, err := d.rt.Channels(ctx, q)
		if err != nil {
			return err
		}
		for _, c := range page.Items {
			channels = append(channels, c.Name)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for _, channel := range channels {
		if _, err := d.rt.UnsubscribeUser(ctx, uid, channel); err != nil {
			return err
		}
	}
	return nil
}
