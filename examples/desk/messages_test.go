package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

func TestMessages(t *testing.T) {
	for _, tt := range []struct {
		why  string
		text string
		want string
		code hotsock.Code
	}{
		{"what customers write", "Hello", "Hello", ""},
		{"space around it says nothing", " Hello\n", "Hello", ""},
		{"space alone says nothing", " \n ", "", hotsock.CodeInvalidRequest},
		{"the longest", strings.Repeat("é", maxText), strings.Repeat("é", maxText), ""},
		{"one character more", strings.Repeat("é", maxText+1), "", hotsock.CodeInvalidRequest},
		{"the number of a card", "It is 4111 1111 1111 1111.", "It is •••• 1111.", ""},
		{"only agents have commands", "/close", "/close", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := startDesk(t, hotsocktest.Options{})
				mia := d.connect("mia")
				lamp := mia.open("a lamp")
				mia.look(lamp)
				seen := d.connect("ada").look(lamp)
				if code := mia.say(lamp, message{Text: tt.text}); code != tt.code {
					t.Errorf("it was refused with %q, want %q", code, tt.code)
				}
				if tt.code == "" {
					seen.Expect("chat", message{Text: tt.want})
				}
				seen.ExpectNone()
			})
		})
	}
}

// A page can put anything into "typing", and nobody gets it.
func TestTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia := d.connect("mia")
		lamp := mia.open("a lamp")
		mia.look(lamp)
		seen := d.connect("ada").look(lamp)
		mia.Publish(ticketChannel(lamp.ID), "typing", "4111 1111 1111 1111")
		seen.Expect("typing", nil)
	})
}

// An agent's command is carried out, and is no message.
func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp := mia.open("a lamp")
		ada.look(lamp)
		seen := mia.look(lamp)
		for _, text := range []string{"/take", "/close"} {
			if code := ada.say(lamp, message{Text: text}); code != "" {
				t.Errorf("%s was refused with %s", text, code)
			}
		}
		seen.Expect("note", message{Text: "Ada Lindgren took the ticket."})
		seen.Expect("note", message{Text: "Ada Lindgren closed the ticket."})
		seen.ExpectNone()
		if code := mia.say(lamp, message{Text: "Wait"}); code != errClosed.Code {
			t.Errorf("on a closed ticket: %q", code)
		}
	})
}

func TestReactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp := mia.open("a lamp")
		own := mia.look(lamp)
		seen := ada.look(lamp)
		mia.say(lamp, message{Text: "Hello"})
		hello := seen.Expect("chat", message{Text: "Hello"})
		wantCode(t, "a reaction", own.React(t.Context(), hello.ID, "🎉"), "")
		wantCode(t, "another", own.React(t.Context(), hello.ID, "🍋"), hotsock.CodeReactionPermissionDenied)
		call[nothing](t, own, "ticket.close", nil)
		wantCode(t, "on a closed ticket", own.React(t.Context(), hello.ID, "👍"), errClosed.Code)
	})
}

func TestCards(t *testing.T) {
	for _, tt := range []struct{ why, text, want string }{
		{"with spaces", "4111 1111 1111 1111", "•••• 1111"},
		{"with hyphens", "5500-0000-0000-0004", "•••• 0004"},
		{"fifteen digits", "378282246310005", "•••• 0005"},
		{"the check digit is wrong", "4111 1111 1111 1112", "4111 1111 1111 1112"},
		{"a phone number is short", "+44 20 7946 0000", "+44 20 7946 0000"},
		{"in the middle", "use 4111111111111111, please", "use •••• 1111, please"},
	} {
		if got := maskCards(tt.text); got != tt.want {
			t.Errorf("%s: %q becomes %q, want %q", tt.why, tt.text, got, tt.want)
		}
	}
}
