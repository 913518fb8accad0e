package client

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// A Schedule is what is still to come: a message, or with a Key a write of a storage
// entry.
type Schedule struct {
	// ARN is for [Client.CancelSchedule].
	ARN     string          `json:"scheduleArn"`
	Due     time.Time       `json:"due"`
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Key     string          `json:"key"`
	Data    json.RawMessage `json:"data"` // null if there is none
}

// ListSchedules lists what this client, or another client of its user, has scheduled
// on a channel, by the time at which it is due. It needs no subscription. What is added
// or carried out meanwhile may be listed or not. An error ends the list.
func (c *Client) ListSchedules(ctx context.Context, channel string) iter.Seq2[Schedule, error] {
	return func(yield func(Schedule, error) bool) {
		body := struct {
			Channel string `json:"channel"`
			After   string `json:"after,omitempty"`
		}{Channel: channel}
		for {
			var page struct {
				Schedules []Schedule `json:"schedules"`
				Next      string     `json:"next"`
			}
			if err := c.ask(ctx, channel, "listSchedules", body, &page); err != nil {
				yield(Schedule{}, err)
				return
			}
			for _, s := range page.Schedules {
				if !yield(s, nil) {
					return
				}
			}
			if page.Next == "" || page.Next == body.After {
				return
			}
			body.After = page.Next
		}
	}
}
