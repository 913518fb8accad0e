package client

import "testing"

// A program is told that a channel is erased, once, and up to where; and that each entry
// is cleared.
func TestErasure(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	sub := subscribe(t, c, "room", nil)
	s.publish("room", "e", 1, 0)
	old := next[Message](t, sub)
	if _, err := s.h.EraseChannel(soon(t), "room"); err != nil {
		t.Fatal(err)
	}
	erased := next[Erasure](t, sub)
	if erased.Channel != "room" || erased.ID <= old.ID {
		t.Errorf("after %s, got %+v", old.ID, erased)
	}
	x.Reset()
	s.publish("room", "e", 2, 0)
	if m := next[Message](t, sub); m.ID <= erased.ID || string(m.Data) != "2" {
		t.Errorf("after a reconnect, got %+v", m)
	}
}
