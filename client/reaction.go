package client

import "context"

// React adds a reaction to a stored message of the channel. Adding it again changes
// nothing. Errors are those of [Client.Publish].
func (s *Subscription) React(ctx context.Context, messageID, reaction string) error {
	return s.react(ctx, messageID, reaction, "add")
}

// Unreact removes the user's reaction. Removing what is not there changes
// nothing.
func (s *Subscription) Unreact(ctx context.Context, messageID, reaction string) error {
	return s.react(ctx, messageID, reaction, "remove")
}

func (s *Subscription) react(ctx context.Context, messageID, reaction, action string) error {
	raw, err := marshal(struct {
		MessageID string `json:"messageId"`
		Reaction  string `json:"reaction"`
		Action    string `json:"action"`
	}{messageID, reaction, action})
	if err != nil {
		return err
	}
	_, err = s.c.accepted(ctx, command{Event: "hotsock.messageReaction", Channel: s.name, Data: raw})
	return err
}

// Reactions returns the reactions to a message of the channel, in the order in
// which they were added.
func (s *Subscription) Reactions(ctx context.Context, messageID string) ([]Reaction, error) {
	body := struct {
		Channel   string `json:"channel"`
		MessageID string `json:"messageId"`
		After     string `json:"after,omitempty"`
	}{s.name, messageID, ""}
	channel := s.Channel()
	reactions := []Reaction{}
	for {
		var page struct {
			Reactions []struct {
				Reaction string `json:"reaction"`
				User
			} `json:"reactions"`
			Next string `json:"next"`
		}
		if err := s.c.ask(ctx, s.name, "listReactions", body, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Reactions {
			reactions = append(reactions, Reaction{Channel: channel, MessageID: messageID, Reaction: r.Reaction, From: r.User})
		}
		if page.Next == "" || page.Next == body.After {
			return reactions, nil
		}
		body.After = page.Next
	}
}
