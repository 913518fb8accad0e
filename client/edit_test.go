package client

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEdits(t *testing.T) {
	s := newSite(t, nil)
	jim, pam := s.client("Jim", nil), s.client("Pam", nil)
	room, hers := subscribe(t, jim, "room", nil), subscribe(t, pam, "room", nil)
	id, err := jim.Publish(soon(t), "room", "kept", "Hi")
	if err != nil {
		t.Fatal(err)
	}
	if m := next[Message](t, hers); m.ID != id || m.Version != 1 || !m.Updated.IsZero() {
		t.Fatalf("got %+v", m)
	}
	if version, err := room.Update(soon(t), id, map[string]int{"n": 1}); version != 2 || err != nil {
		t.Fatalf("version %d, %v", version, err)
	}
	if version, err := room.UpdateIf(soon(t), id, 2, nil); version != 3 || err != nil {
		t.Fatalf("version %d, %v", version, err)
	}
	_, err = hers.UpdateIf(soon(t), id, 2, 1)
	wantCode(t, err, CodeUpdatePermissionDenied)
	_, err = room.UpdateIf(soon(t), id, 2, 1)
	wantCode(t, err, CodeConflict)
	for _, want := range []Update{
		{Channel: "room", MessageID: id, Data: []byte(`{"n":1}`), Version: 2, From: User{UID: "Jim", UMD: null}},
		{Channel: "room", MessageID: id, Data: null, Version: 3, From: User{UID: "Jim", UMD: null}},
	} {
		got := next[Update](t, hers)
		if got.ID <= id {
			t.Errorf("the update's id is %s, that of the message %s", got.ID, id)
		}
		want.ID = got.ID
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for m, err := range hers.History(soon(t), nil) {
		if err != nil || m.ID != id || m.Version != 3 || time.Since(m.Updated).Abs() > time.Minute || string(m.Data) != "null" {
			t.Errorf("got %+v, %v", m, err)
		}
	}
	if err := room.Delete(soon(t), id); err != nil {
		t.Fatal(err)
	}
	got := next[Deletion](t, hers)
	want := Deletion{ID: got.ID, Channel: "room", MessageID: id, From: User{UID: "Jim", UMD: null}}
	if diff := cmp.Diff(want, got); diff != "" || hers.LastID() != got.ID {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantCode(t, room.Delete(soon(t), id), CodeMessageNotFound)
	if _, err := room.Update(soon(t), id, make(chan int)); err == nil {
		t.Error("data that cannot be marshalled was sent")
	}
	for m, err := range hers.History(soon(t), nil) {
		t.Errorf("the history still has %+v, %v", m, err)
	}
}
