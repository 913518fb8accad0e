package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

func TestPresence(t *testing.T) {
	s := newSite(t, nil)
	jim := s.client("Jim", func(c *hotsock.Claims) { c.UMD = json.RawMessage(`{"desk":1}`) })
	sub := subscribe(t, jim, "presence.lobby", nil)
	jimUser := User{"Jim", json.RawMessage(`{"desk":1}`)}
	pamUser := User{"Pam", json.RawMessage(`null`)}
	members := func(want ...User) {
		t.Helper()
		if diff := cmp.Diff(want, sub.Members()); diff != "" {
			t.Fatalf("members (-want +got):\n%s", diff)
		}
	}
	members(jimUser)
	if diff := cmp.Diff(jimUser, sub.User()); diff != "" {
		t.Fatalf("user (-want +got):\n%s", diff)
	}

	pam := s.client("Pam", nil)
	lobby := subscribe(t, pam, "presence.lobby", nil)
	want := func(kind ChangeKind, member User, all ...User) {
		t.Helper()
		got := next[MemberChange](t, sub)
		if diff := cmp.Diff(MemberChange{kind, member, all}, got); diff != "" {
			t.Fatalf("change (-want +got):\n%s", diff)
		}
		members(all...)
	}
	want(MemberAdded, pamUser, jimUser, pamUser)

	token, err := sign(claims("Pam", func(c *hotsock.Claims) {
		c.Scope, c.UMD = hotsock.ScopeUMD, json.RawMessage(`"busy"`)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := pam.UpdateUMD(soon(t), "presence.lobby", token); err != nil {
		t.Fatal(err)
	}
	busy := User{"Pam", json.RawMessage(`"busy"`)}
	want(MemberUpdated, busy, jimUser, busy)
	wantCode(t, pam.UpdateUMD(soon(t), "presence.lobby", "x"), CodeInvalidUMDToken)

	info, err := jim.ChannelInfo(soon(t), "presence.lobby")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ChannelInfo{"presence.lobby", 2, []User{jimUser, busy}}, info); diff != "" {
		t.Fatalf("info (-want +got):\n%s", diff)
	}

	for range 2 {
		if err := lobby.Unsubscribe(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	want(MemberRemoved, busy, jimUser)
}

func TestStorage(t *testing.T) {
	s := newSite(t, nil)
	c, other := s.client("Jim", nil), s.client("Pam", nil)
	get := func(key, want string) {
		t.Helper()
		e, err := c.Storage(soon(t), "board", key)
		if err != nil {
			t.Fatal(err)
		}
		wantJSON(t, e.Data, want)
	}
	set := func(key string, value any) {
		t.Helper()
		if err := other.SetStorage(soon(t), "board", key, value); err != nil {
			t.Fatal(err)
		}
	}
	get("title", "null")
	set("title", "Launch")
	get("title", `"Launch"`)

	sub := subscribe(t, c, "board", nil)
	want := func(key, data string) {
		t.Helper()
		e := next[Entry](t, sub)
		if e.Key != key || e.Channel != "board" || e.By.UID != "Pam" {
			t.Fatalf("got %+v", e)
		}
		wantJSON(t, e.Data, data)
	}
	want("title", `"Launch"`)
	set("title", "Landing")
	want("title", `"Landing"`)
	set("title", nil)
	want("title", "null")

	_, err := c.Storage(soon(t), "board", "a b")
	wantCode(t, err, CodeInvalidRequest)

	const n = 250
	var all []string
	for i := range n {
		key := fmt.Sprintf("k%03d", i)
		all = append(all, key)
		set(key, i)
	}
	list := func(keys ...string) (found []string) {
		t.Helper()
		for e, err := range c.ListStorage(soon(t), "board", keys...) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, e.Key)
		}
		return found
	}
	if diff := cmp.Diff(all, list()); diff != "" {
		t.Fatalf("list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"k001", "k007"}, list("k007", "k001", "none")); diff != "" {
		t.Fatalf("list (-want +got):\n%s", diff)
	}
}

func TestHistory(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", nil)
	var ids []string
	for n := range 230 {
		ids = append(ids, s.publish("room", "kept", n, time.Hour))
		s.publish("room", "passing", n, 0)
	}
	// With 35 of these a page is cut short, because of 1 MiB.
	large := strings.Repeat("x", 30<<10)
	for range 40 {
		ids = append(ids, s.publish("room", "kept", large, time.Hour))
	}
	sub := subscribe(t, c, "room", nil)
	list := func(o *HistoryOptions) (found []string) {
		t.Helper()
		for m, err := range sub.History(soon(t), o) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, m.ID)
		}
		return found
	}
	reverse := slices.Clone(ids)
	slices.Reverse(reverse)
	for _, tt := range []struct {
		name string
		o    *HistoryOptions
		want []string
	}{
		{"all", nil, ids},
		{"from the newest", &HistoryOptions{Reverse: true}, reverse},
		{"after", &HistoryOptions{After: ids[120]}, ids[121:]},
		{"before", &HistoryOptions{Before: ids[120]}, ids[:120]},
		{"between", &HistoryOptions{After: ids[9], Before: ids[12]}, ids[10:12]},
		{"between, from the newest", &HistoryOptions{After: ids[9], Before: ids[12], Reverse: true}, []string{ids[11], ids[10]}},
		{"exactly a page, then nothing", &HistoryOptions{After: ids[len(ids)-1]}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, list(tt.o)); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
	for m, err := range sub.History(soon(t), nil) {
		if m.ID != ids[0] || err != nil {
			t.Fatalf("got %+v, %v", m, err)
		}
		break
	}
	for _, err := range sub.History(soon(t), &HistoryOptions{After: "x"}) {
		wantCode(t, err, CodeInvalidRequest)
	}
}

func TestReactions(t *testing.T) {
	s := newSite(t, nil)
	jim, pam := s.client("Jim", nil), s.client("Pam", nil)
	room, hers := subscribe(t, jim, "room", nil), subscribe(t, pam, "room", nil)
	id, err := jim.Publish(soon(t), "room", "kept", "Hi")
	if err != nil {
		t.Fatal(err)
	}
	next[Message](t, room) // echoed
	next[Message](t, hers)

	for _, reaction := range []string{"👍", "🎉", "👍"} {
		if err := hers.React(soon(t), id, reaction); err != nil {
			t.Fatal(err)
		}
	}
	if err := room.React(soon(t), id, "🎉"); err != nil {
		t.Fatal(err)
	}
	if err := hers.Unreact(soon(t), id, "👍"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Reaction{
		{Reaction: "👍", From: User{UID: "Pam"}},
		{Reaction: "🎉", From: User{UID: "Pam"}},
		{Reaction: "🎉", From: User{UID: "Jim"}}, // echoed
		{Reaction: "👍", Removed: true, From: User{UID: "Pam"}},
	} {
		got := next[Reaction](t, room)
		if got.ID <= id || got.Channel != "room" || got.MessageID != id {
			t.Fatalf("got %+v", got)
		}
		if got.Reaction != want.Reaction || got.Removed != want.Removed || got.From.UID != want.From.UID {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	list, err := room.Reactions(soon(t), id)
	if err != nil || len(list) != 2 || list[0].From.UID != "Pam" || list[1].From.UID != "Jim" || list[0].Reaction != "🎉" {
		t.Fatalf("got %+v, %v", list, err)
	}
	for m, err := range room.History(soon(t), &HistoryOptions{WithUsers: true}) {
		if err != nil {
			t.Fatal(err)
		}
		want := []ReactionCount{{"🎉", 2, []User{{UID: "Pam"}, {UID: "Jim"}}}}
		if diff := cmp.Diff(want, m.Reactions); diff != "" {
			t.Fatalf("reactions (-want +got):\n%s", diff)
		}
	}
	_, err = room.Reactions(soon(t), "01J00000000000000000000000")
	wantCode(t, err, CodeMessageNotFound)
}

func TestSchedules(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", nil)
	sub := subscribe(t, c, "room", nil)
	due := time.Now().Add(1200 * time.Millisecond)
	if _, err := c.PublishAt(soon(t), due, "room", "reminder", "Standup"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetStorageAt(soon(t), due, "room", "standup", true); err != nil {
		t.Fatal(err)
	}
	arn, err := c.PublishAt(soon(t), due, "room", "cancelled", nil)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for pending, err := range s.client("Jim", nil).ListSchedules(soon(t), "room") {
		if err != nil {
			t.Fatal(err)
		}
		if pending.Due.Before(due) || pending.Channel != "room" || pending.Event == "cancelled" && pending.ARN != arn {
			t.Errorf("listed %+v", pending)
		}
		listed = append(listed, pending.Event+pending.Key+string(pending.Data))
	}
	slices.Sort(listed)
	if want := []string{"cancellednull", "hotsock.channelStorageSetstanduptrue", `reminder"Standup"`}; !slices.Equal(listed, want) {
		t.Errorf("listed %q, want %q", listed, want)
	}
	for _, err := range c.ListSchedules(soon(t), "a b") {
		wantCode(t, err, CodeInvalidRequest)
	}
	if err := c.CancelSchedule(soon(t), arn); err != nil {
		t.Fatal(err)
	}
	wantCode(t, c.CancelSchedule(soon(t), arn), CodeScheduleNotFound)

	var got []string
	for range 2 {
		event, err := sub.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		switch e := event.(type) {
		case Message:
			got = append(got, e.Event)
		case Entry:
			got = append(got, e.Key)
		}
	}
	if time.Now().Before(due) {
		t.Error("they came early")
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"reminder", "standup"}) {
		t.Errorf("got %q", got)
	}
	_, err = c.PublishAt(soon(t), time.Now().Add(-time.Hour), "room", "reminder", nil)
	wantCode(t, err, CodeInvalidScheduleExpression)
}
