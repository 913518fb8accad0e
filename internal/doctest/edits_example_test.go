package doctest

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

// member may edit and delete what they wrote, and a moderator may delete everything.
func member(uid string, moderator bool) hotsock.Claims {
	chat := hotsock.MessageClaims{
		Publish: hotsock.Allow, Store: 30 * 24 * time.Hour, React: hotsock.Allow,
		Update: hotsock.Own, Delete: hotsock.Own,
	}
	if moderator {
		chat.Delete = hotsock.Allow
	}
	return hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute), UID: uid,
		Channels: map[string]hotsock.ChannelClaims{"room.*": {
			Subscribe: hotsock.Allow, HistoryStart: time.Unix(0, 0),
			Messages: map[string]hotsock.MessageClaims{"chat": chat},
		}},
	}
}

// A transcript is what a user sees of a channel, by the id of the message.
type transcript map[string]client.Message

func (t transcript) apply(event client.Event) {
	switch e := event.(type) {
	case client.Message:
		t[e.ID] = e
	case client.Update:
		if m, ok := t[e.MessageID]; ok && m.Version < e.Version {
			m.Data, m.Version = e.Data, e.Version
			t[e.MessageID] = m
		}
	case client.Deletion:
		delete(t, e.MessageID)
	}
}

// done marks a task as done, on top of whatever others have changed meanwhile.
func done(ctx context.Context, rt *hotsock.Handler, channel, id string) error {
	for {
		task, version, err := readTask(ctx, rt, channel, id)
		if err != nil {
			return err
		}
		task.Done = true
		_, err = rt.UpdateMessage(ctx, hotsock.MessageUpdate{Channel: channel, MessageID: id, Data: task, IfVersion: version})
		if !errors.Is(err, &hotsock.Error{Code: hotsock.CodeConflict}) {
			return err
		}
	}
}

// takeDown deletes a message that was reported. That it is gone already is no error.
func takeDown(ctx context.Context, rt *hotsock.Handler, channel, id, moderator string) error {
	err := rt.DeleteMessage(ctx, hotsock.MessageDeletion{
		Channel: channel, MessageID: id, From: &hotsock.Member{UID: moderator},
	})
	if errors.Is(err, &hotsock.Error{Code: hotsock.CodeMessageNotFound}) {
		return nil
	}
	return err
}

// A searchIndex holds the newest text of each message, by its id.
type searchIndex map[string]json.RawMessage

func (x searchIndex) HandleEvent(_ context.Context, e hotsock.Event) error {
	switch d := e.Data.(type) {
	case hotsock.EventMessageData:
		x[d.ID] = d.Data
	case hotsock.EventEditData:
		if e.Type == hotsock.EventMessageDeleted {
			delete(x, d.MessageID)
		} else {
			x[d.MessageID] = d.Data
		}
	}
	return nil
}

type task struct {
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

// readTask reads a task and its version.
func readTask(ctx context.Context, rt *hotsock.Handler, channel, id string) (t task, version int64, err error) {
	page, err := rt.History(ctx, hotsock.HistoryQuery{Channel: channel})
	for _, m := range page.Items {
		if m.ID == id {
			return t, m.Version, json.Unmarshal(m.Data, &t)
		}
	}
	return t, 0, errors.Join(err, errors.New("no such task"))
}

func TestEditRecipes(t *testing.T) {
	s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
	pam, jim := s.Connect(t, member("pam", false)), s.Connect(t, member("jim", true))
	hers, his := pam.Subscribe("room.1"), jim.Subscribe("room.1")
	shown := make(transcript)
	wantCode := func(err error, code client.Code) {
		t.Helper()
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	first, second := pam.Publish("room.1", "chat", task{Title: "tea"}), pam.Publish("room.1", "chat", "rude")
	for range 2 {
		shown.apply(hotsocktest.Next[client.Message](his))
	}
	_, err := his.Update(t.Context(), first, "not his")
	wantCode(err, client.CodeUpdatePermissionDenied)
	if _, err := hers.Update(t.Context(), first, task{Title: "coffee"}); err != nil {
		t.Fatal(err)
	}
	rt := s.Handler()
	if err := done(t.Context(), rt, "room.1", first); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		shown.apply(hotsocktest.Next[client.Update](his))
	}
	if err := his.Delete(t.Context(), second); err != nil { // A moderator may.
		t.Fatal(err)
	}
	hotsocktest.Next[client.Update](hers) // The app has done the task.
	gone := hotsocktest.Next[client.Deletion](hers)
	for range 2 {
		if err := takeDown(t.Context(), rt, "room.1", second, "jim"); err != nil {
			t.Fatal(err)
		}
	}
	shown.apply(gone)
	if m := shown[first]; len(shown) != 1 || m.Version != 3 || string(m.Data) != `{"title":"coffee","done":true}` {
		t.Errorf("jim sees %+v", shown)
	}
}

func TestIndexFollowsEdits(t *testing.T) {
	index := make(searchIndex)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{signingKey.Key()}, Events: index})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	say := func(text string) string {
		sent, err := rt.Publish(ctx, hotsock.Message{Channel: "room.1", Event: "chat", Data: text, Store: time.Hour, EmitEvent: true})
		if err != nil {
			t.Fatal(err)
		}
		return sent.ID
	}
	stays, goes := say("helo"), say("rude")
	if _, err := rt.UpdateMessage(ctx, hotsock.MessageUpdate{Channel: "room.1", MessageID: stays, Data: "hello", EmitEvent: true}); err != nil {
		t.Fatal(err)
	}
	if err := rt.DeleteMessage(ctx, hotsock.MessageDeletion{Channel: "room.1", MessageID: goes, EmitEvent: true}); err != nil {
		t.Fatal(err)
	}
	if err := rt.Close(); err != nil { // The sink gets what is queued.
		t.Fatal(err)
	}
	if len(index) != 1 || string(index[stays]) != `"hello"` {
		t.Errorf("the index has %s", index)
	}
}
