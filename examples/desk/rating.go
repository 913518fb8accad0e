package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hotsock-go/hotsock"
)

// ratingKey is the storage entry in which a customer says how good the help was. All
// who look at the ticket see it at once, and whoever comes later.
const ratingKey = "rating"

// checkRating lets a customer rate from 1 to 5, once the ticket is closed.
func (d *desk) checkRating(ctx context.Context, who hotsock.Requester, s hotsock.SetStorageRequest) error {
	var stars int
	if err := json.Unmarshal(s.Data, &stars); err != nil || stars < 1 || stars > 5 {
		return invalid("A rating is a number from 1 to 5.")
	}
	switch _, err := d.writable(ctx, who, s.Channel); {
	case err == nil:
		return errOpen
	case errors.Is(err, errClosed):
		return nil
	default:
		return err
	}
}
