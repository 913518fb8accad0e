package hotsock

import (
	"context"
	"testing"
)

// Who is thrown out of a channel while the app is asked whether they may subscribe is
// asked about again: the answer may be older.
func TestUnsubscribeUserWhileAsked(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	times := 0
	o := Options{Hooks: Hooks{
		BeforeSubscribe: func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
			if times++; times == 1 {
				close(asked)
				<-answer
				return &ChannelClaims{Subscribe: Allow}, nil
			}
			return nil, &Error{Code: "BANNED", Message: "you were thrown out"}
		},
	}}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Send(`{"event":"hotsock.subscribe","channel":"a"}`)
		<-asked
		if n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a"); n != 0 || err != nil {
			t.Errorf("UnsubscribeUser: %d, %v", n, err)
		}
		close(answer)
		c.Expect("BANNED")
		if info, err := r.h.ChannelInfo(t.Context(), "a"); err != nil || info.SubscriptionsCount != 0 || times != 2 {
			t.Errorf("%+v, %v, asked %d times", info, err, times)
		}
	})
}
