package client

import "context"

// Update changes the data of a stored message of the channel, and returns its new
// version. The data is marshalled as in [Client.Publish]. What is sent and not answered
// is not sent again: then the error is ErrUnknownOutcome. Other errors are those of
// [Client.PublishAt].
func (s *Subscription) Update(ctx context.Context, messageID string, data any) (version int64, err error) {
	return s.update(ctx, messageID, data, 0)
}

// UpdateIf does the same if the message is of a certain version, as in
// [Message.Version]. If it is of another one, the error has the code CONFLICT.
func (s *Subscription) UpdateIf(ctx context.Context, messageID string, version int64, data any) (newVersion int64, err error) {
	return s.update(ctx, messageID, data, version)
}

func (s *Subscription) update(ctx context.Context, messageID string, data any, ifVersion int64) (int64, error) {
	raw, err := marshal(data)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Version int64 `json:"version"`
	}
	err = s.edit(ctx, "hotsock.messageUpdate", struct {
		MessageID string `json:"messageId"`
		Data      any    `json:"data"`
		IfVersion int64  `json:"ifVersion,omitempty"`
	}{messageID, orNull(raw), ifVersion}, &ack)
	return ack.Version, err
}

// Delete deletes a stored message of the channel. Deleting it again has the code
// MESSAGE_NOT_FOUND. Other errors are those of Update.
func (s *Subscription) Delete(ctx context.Context, messageID string) error {
	return s.edit(ctx, "hotsock.messageDelete", struct {
		MessageID string `json:"messageId"`
	}{messageID}, new(struct{}))
}

func (s *Subscription) edit(ctx context.Context, event string, data, ack any) error {
	raw, err := marshal(data)
	if err != nil {
		return err
	}
	f, err := s.c.do(ctx, command{Event: event, Channel: s.name, Data: raw}, false)
	if err != nil {
		return err
	}
	return f.data(ack)
}
