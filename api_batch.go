package hotsock

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/store"
)

// A BatchError says which messages of a batch were not accepted, and why.
// errors.Is and errors.As look into the errors of all of them.
type BatchError struct {
	// Errors has, for each message of the batch, its [*Error], or nil if it was
	// accepted.
	Errors []error
}

func (e *BatchError) Error() string {
	failed := e.Unwrap()
	return fmt.Sprintf("hotsock: %d of %d messages were not accepted, the first one because of: %v", len(failed), len(e.Errors), failed[0])
}

// Unwrap returns the errors of the messages that were not accepted.
func (e *BatchError) Unwrap() []error {
	var failed []error
	for _, err := range e.Errors {
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

// PublishBatch publishes or schedules many messages, each as Publish does.
// Those of one channel are published in the order given, one after the other;
// different channels have no order, and go to the store together.
//
// The result has an element for each message. If some were not accepted, the
// error is a [*BatchError]; the others are published regardless. But when the
// store becomes unavailable, what follows on the same channel is not tried, so
// that the failed messages can be published again in their order.
func (h *Handler) PublishBatch(ctx context.Context, messages []Message) ([]PublishResult, error) {
	prepared := make([]serverMessage, len(messages))
	errs := make([]error, len(messages))
	for i := range messages {
		prepared[i], errs[i] = newServerMessage(&messages[i], &h.opts)
	}
	out := make([]PublishResult, len(messages))
	who := source{Trigger: triggerGo}
	publishByChannel(len(messages), func(i int) string { return messages[i].Channel }, errs, func(i int) error {
		a, err := h.writes.serverPublish(ctx, &who, &prepared[i])
		out[i] = toPublishResult(a)
		return err
	})
	failed := false
	for i, err := range errs {
		errs[i] = hostError(err)
		failed = failed || err != nil
	}
	if failed {
		return out, &BatchError{Errors: errs}
	}
	return out, nil
}

// batchChannels is how many channels of a batch are published to at once. The
// Redis store makes one pipeline of that.
const batchChannels = 128

// publishByChannel carries out the requests of a batch that have no error yet, those
// of each channel in turn, and notes what errors they get.
func publishByChannel(n int, channel func(i int) string, errs []error, do func(i int) error) {
	byChannel := make(map[string][]int)
	var order []string
	for i := range n {
		if errs[i] != nil {
			continue
		}
		c := channel(i)
		if byChannel[c] == nil {
			order = append(order, c)
		}
		byChannel[c] = append(byChannel[c], i)
	}
	var g errgroup.Group
	g.SetLimit(batchChannels)
	for _, c := range order {
		g.Go(func() error {
			var down error
			for _, i := range byChannel[c] {
				if errs[i] = down; down != nil {
					continue
				}
				errs[i] = do(i)
				if errors.Is(errs[i], store.ErrUnavailable) {
					down = errs[i]
				}
			}
			return nil
		})
	}
	_ = g.Wait() // what they return is in errs
}
