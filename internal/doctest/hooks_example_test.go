package doctest

// docs/hooks.md shows parts of this file; TestGuideCode compares them.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// supportHooks are those of a support desk.
func supportHooks(d *desk) hotsock.Hooks {
	return hotsock.Hooks{
		BeforeConnect:    d.mayConnect,
		BeforeSubscribe:  d.grant,
		BeforePublish:    d.check,
		BeforeSetStorage: d.maySet,
		BeforeReact:      d.mayReact,
		Timeout:          2 * time.Second,
	}
}

// grant asks the database which tickets a user may see.
func (d *desk) grant(ctx context.Context, who hotsock.Requester, s hotsock.SubscribeRequest) (*hotsock.ChannelClaims, error) {
	ticket, ok := strings.CutPrefix(s.Channel, "presence.ticket.")
	if !ok {
		return nil, nil // the client's tokens decide
	}
	role, err := d.role(ctx, who.UID, ticket)
	switch {
	case err != nil:
		d.log(err)
		return nil, &hotsock.Error{Code: hotsock.CodeUnavailable, Message: "try again"}
	case role == "":
		return nil, &hotsock.Error{Code: "NOT_YOUR_TICKET", Message: "this ticket is somebody else's"}
	}
	return &hotsock.ChannelClaims{
		Subscribe:    hotsock.Allow,
		HistoryStart: time.Unix(0, 0),
		Messages: map[string]hotsock.MessageClaims{
			"chat": {Publish: hotsock.Allow, Echo: hotsock.Allow, Store: hotsock.Forever, React: hotsock.Allow},
		},
	}, nil
}

// check is asked for every message that is permitted.
func (d *desk) check(ctx context.Context, who hotsock.Requester, p *hotsock.PublishRequest) error {
	switch p.Event {
	case "chat":
		return censor(p)
	case "callMe":
		return d.takeOver(ctx, who, p)
	}
	return nil
}

// censor changes what was written.
func censor(p *hotsock.PublishRequest) error {
	var text string
	if err := json.Unmarshal(p.Data, &text); err != nil {
		return &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: "data must be a string"}
	}
	if len(text) > 500 {
		return &hotsock.Error{Code: "TOO_LONG", Message: "write at most 500 bytes"}
	}
	var err error
	p.Data, err = json.Marshal(strings.ReplaceAll(text, "damn", "****"))
	return err
}

// takeOver makes a task of a message, for the staff.
func (d *desk) takeOver(ctx context.Context, who hotsock.Requester, p *hotsock.PublishRequest) error {
	p.TakenOver = true
	return d.addTask(ctx, who.UID, p.Data)
}

// mayConnect keeps out who was suspended.
func (d *desk) mayConnect(ctx context.Context, who hotsock.Requester) error {
	suspended, err := d.suspended(ctx, who.UID)
	if err != nil {
		return err
	}
	if suspended {
		return &hotsock.Error{Code: "SUSPENDED", Message: "your account is suspended"}
	}
	return nil
}

// maySet lets only numbers be set as priorities.
func (d *desk) maySet(_ context.Context, _ hotsock.Requester, s hotsock.SetStorageRequest) error {
	var n int
	if s.Key == "priority" && json.Unmarshal(s.Data, &n) != nil {
		return &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: "a priority is a number"}
	}
	return nil
}

// mayReact keeps customers from reacting with what means something to the staff.
func (d *desk) mayReact(_ context.Context, who hotsock.Requester, r hotsock.ReactRequest) error {
	if r.Reaction == "✅" && !strings.HasPrefix(who.UID, "staff.") {
		return &hotsock.Error{Code: hotsock.CodeReactionPermissionDenied, Message: "only the staff closes a ticket"}
	}
	return nil
}

// A desk stands for the app and its database.
type desk struct {
	failures, tasks atomic.Int64
}

func (d *desk) role(_ context.Context, uid, ticket string) (string, error) {
	if d.failures.Add(-1) >= 0 {
		return "", errors.New("the database is away")
	}
	if strings.HasPrefix(uid, "staff.") || uid == "pam" && ticket == "7" {
		return "member", nil
	}
	return "", nil
}

func (d *desk) suspended(_ context.Context, uid string) (bool, error) { return uid == "eve", nil }

func (d *desk) addTask(context.Context, string, []byte) error {
	d.tasks.Add(1)
	return nil
}

func (d *desk) log(error) {}

func TestHooksRecipes(t *testing.T) {
	d := new(desk)
	s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2, Handler: hotsock.Options{Hooks: supportHooks(d)}})
	// Her token permits nothing that the recipes do not.
	pam := s.Connect(t, hotsock.Claims{UID: "pam", Channels: channels{"desk": {
		Subscribe: hotsock.Allow,
		Messages:  map[string]hotsock.MessageClaims{"callMe": {Publish: hotsock.Allow}},
		Storage:   map[string]hotsock.StorageClaims{"priority": {Set: hotsock.Allow}},
	}}})
	wantCode := func(err error, code client.Code) {
		t.Helper()
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	const ticket = "presence.ticket.7"
	d.failures.Store(1) // and the subscribe is tried again
	sub := pam.Subscribe(ticket)
	other := s.Connect(t, hotsock.Claims{UID: "staff.jim"}).Subscribe(ticket)
	pam.Publish(ticket, "chat", "damn printer")
	m := other.Expect("chat", "**** printer")
	wantCode(sub.React(t.Context(), m.ID, "✅"), "REACTION_PERMISSION_DENIED")
	if err := sub.React(t.Context(), m.ID, "👍"); err != nil {
		t.Error(err)
	}
	_, err := pam.Client.Publish(t.Context(), ticket, "chat", strings.Repeat("x", 501))
	wantCode(err, "TOO_LONG")
	_, err = pam.Client.Publish(t.Context(), ticket, "chat", 5)
	wantCode(err, "INVALID_REQUEST")
	_, err = pam.Client.Subscribe(t.Context(), "presence.ticket.8", nil)
	wantCode(err, "NOT_YOUR_TICKET")
	_, err = pam.Client.Subscribe(t.Context(), "other", nil)
	wantCode(err, "SUBSCRIBE_PERMISSION_DENIED")

	pam.Subscribe("desk")
	if id, err := pam.Client.Publish(t.Context(), "desk", "callMe", "now"); id != "" || err != nil || d.tasks.Load() != 1 {
		t.Errorf("%q, %v, %d tasks", id, err, d.tasks.Load())
	}
	wantCode(pam.SetStorage(t.Context(), "desk", "priority", "high"), "INVALID_REQUEST")
	if err := pam.SetStorage(t.Context(), "desk", "priority", 1); err != nil {
		t.Error(err)
	}
	if err := s.Refused(t, client.Options{Token: func(context.Context) (string, error) { return s.Token(hotsock.Claims{UID: "eve"}), nil }}); err == nil || !strings.Contains(err.Error(), "SUSPENDED") {
		t.Errorf("eve: %v", err)
	}
}
