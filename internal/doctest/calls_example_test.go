package doctest

// docs/calls.md shows parts of this file; TestGuideCode compares them.

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// An Order is what a client sends, and a Receipt what it gets.
type Order struct {
	Item   string `json:"item"`
	Amount int    `json:"amount"`
}

type Receipt struct {
	Number int `json:"number"`
}

// place puts an order into the books.
func (s *shop) place(ctx context.Context, c hotsock.Call, o Order) (Receipt, error) {
	if o.Amount < 1 {
		return Receipt{}, &hotsock.Error{Code: hotsock.CodeInvalidParams, Message: "params.amount must be at least 1"}
	}
	number, err := s.book(ctx, c.UID, o)
	if errors.Is(err, errSoldOut) {
		return Receipt{}, &hotsock.Error{Code: "SOLD_OUT", Message: "there is no more " + o.Item}
	}
	return Receipt{number}, err
}

// typing tells the others on a channel who is writing.
func (s *shop) typing(ctx context.Context, c hotsock.Call) (any, error) {
	if c.Channel == "" {
		return nil, &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: "call this on a channel"}
	}
	_, err := s.rt.Publish(ctx, hotsock.Message{Channel: c.Channel, Event: "typing", Data: c.UID})
	return nil, err
}

func register(rt *hotsock.Handler, s *shop) {
	rt.Handle("order.place", hotsock.Typed(s.place))
	rt.Handle("typing", s.typing)
}

// customer may order, but not cancel.
func customer(uid string) hotsock.Claims {
	return hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute), UID: uid,
		Calls: map[string]hotsock.Permission{"order.*": hotsock.Allow, "order.cancel": hotsock.Deny},
		Channels: map[string]hotsock.ChannelClaims{
			"room": {Subscribe: hotsock.Allow, Calls: map[string]hotsock.Permission{"typing": hotsock.Allow}},
		},
	}
}

// order places an order as a client.
func order(ctx context.Context, c *client.Client) (r Receipt, err error) {
	result, err := c.Call(ctx, "order.place", Order{Item: "tea", Amount: 2})
	if err == nil {
		err = json.Unmarshal(result, &r)
	}
	return r, err
}

type shop struct{ rt *hotsock.Handler }

var errSoldOut = errors.New("sold out")

func (s *shop) book(_ context.Context, uid string, o Order) (int, error) {
	if o.Item != "tea" || uid != "Jim" {
		return 0, errSoldOut
	}
	return 17, nil
}

func TestCallsRecipes(t *testing.T) {
	s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
	for _, n := range s.Nodes {
		register(n.Handler(), &shop{n.Handler()})
	}
	jim := s.Connect(t, customer("Jim"))
	if r, err := order(t.Context(), jim.Client); r.Number != 17 || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
	refused := func(c *client.Client, method string, params any, code client.Code) {
		t.Helper()
		_, err := c.Call(t.Context(), method, params)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	refused(jim.Client, "order.place", Order{Item: "tea"}, "INVALID_PARAMS")
	refused(jim.Client, "order.place", Order{Item: "milk", Amount: 1}, "SOLD_OUT")
	refused(jim.Client, "order.cancel", nil, "CALL_PERMISSION_DENIED")
	refused(jim.Client, "typing", nil, "CALL_PERMISSION_DENIED")
	pam := s.Connect(t, customer("Pam")).Subscribe("room")
	if _, err := jim.Subscribe("room").Call(t.Context(), "typing", nil); err != nil {
		t.Error(err)
	}
	pam.Expect("typing", "Jim")
}
