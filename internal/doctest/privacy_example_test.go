package doctest

// docs/privacy.md shows this file's functions; TestGuideCode compares them.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// userData returns what a channel keeps of a user: messages, reactions to messages of
// anybody, entries and schedules.
func userData(ctx context.Context, rt *hotsock.Handler, channel, uid string) ([]any, error) {
	var found []any
	for q := (hotsock.HistoryQuery{Channel: channel}); ; {
		page, err := rt.History(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, m := range page.Items {
			if m.By != nil && m.By.UID == uid {
				found = append(found, m)
			}
			if len(m.ReactionCounts) == 0 {
				continue
			}
			for r := (hotsock.ReactionsQuery{Channel: channel, MessageID: m.ID}); ; {
				reactions, err := rt.Reactions(ctx, r)
				if err != nil {
					return nil, err
				}
				for _, reaction := range reactions.Items {
					if reaction.By.UID == uid {
						found = append(found, reaction)
					}
				}
				if r.After = reactions.Next; r.After == "" {
					break
				}
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for q := (hotsock.StorageQuery{Channel: channel}); ; {
		page, err := rt.Storage(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if e.By.UID == uid {
				found = append(found, e)
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	for q := (hotsock.ScheduleQuery{Channel: channel}); ; {
		page, err := rt.Schedules(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Items {
			if s.UID == uid {
				found = append(found, s)
			}
		}
		if q.After = page.Next; q.After == "" {
			return found, nil
		}
	}
}

// forgetUser signs a user out and erases what the channels keep of them. It returns when
// all is done, and may be called again after an error.
func forgetUser(ctx context.Context, rt *hotsock.Handler, uid string, channels []string) error {
	// Tokens of this app are good for a day at the most, and it makes no more for this user.
	tokens := hotsock.Revocation{UID: uid, Until: time.Now().Add(24 * time.Hour)}
	if _, err := rt.Revoke(ctx, tokens); err != nil {
		return err
	}
	for _, channel := range channels {
		if _, err := rt.EraseUser(ctx, channel, uid); err != nil {
			return err
		}
		// In this app, entries of a user have the user's id in their key.
		if _, err := rt.EraseStorage(ctx, channel, "profile."+uid+"."); err != nil {
			return err
		}
	}
	// The channel that is the user's alone.
	_, err := rt.EraseChannel(ctx, "inbox."+uid)
	return err
}

// TestForgetUser runs both: what the first one finds, the second one erases.
func TestForgetUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := hotsocktest.Start(t, hotsocktest.Options{}).Nodes[0].Handler()
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		publish := func(channel, uid, text string, at time.Time) string {
			t.Helper()
			m := hotsock.Message{Channel: channel, Event: "chat", Data: text, Store: hotsock.Forever, At: at}
			if uid != "" {
				m.From = &hotsock.Member{UID: uid}
			}
			res, err := rt.Publish(ctx, m)
			must(err)
			return res.ID
		}
		publish("room", "jim", "from jim", time.Time{})
		pams := publish("room", "pam", "from pam", time.Time{})
		must(rt.React(ctx, hotsock.Reaction{Channel: "room", MessageID: pams, Reaction: "👍", UID: "jim"}))
		_, err := rt.SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "profile.jim.name", Data: "Jim"})
		must(err)
		publish("inbox.jim", "", "for jim", time.Time{})
		found, err := userData(ctx, rt, "room", "jim")
		must(err)
		text, err := json.Marshal(found)
		must(err)
		if len(found) != 2 || !strings.Contains(string(text), "from jim") || !strings.Contains(string(text), "👍") {
			t.Errorf("found is %s", text)
		}
		must(forgetUser(ctx, rt, "jim", []string{"room"}))
		found, err = userData(ctx, rt, "room", "jim")
		must(err)
		page, err := rt.Storage(ctx, hotsock.StorageQuery{Channel: "room"})
		must(err)
		if len(found)+len(page.Items) > 0 {
			t.Errorf("left are %v and %v", found, page.Items)
		}
		var left []string
		for _, channel := range []string{"room", "inbox.jim"} {
			history, err := rt.History(ctx, hotsock.HistoryQuery{Channel: channel})
			must(err)
			for _, m := range history.Items {
				left = append(left, fmt.Sprint(string(m.Data), m.ReactionCounts))
			}
		}
		if !slices.Equal(left, []string{`"from pam"map[]`}) {
			t.Errorf("left is %q", left)
		}
	})
}
