package hotsock

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// rewind subscribes with data, and returns the names of what follows
// hotsock.subscribed, which it returns too.
func rewind(t *testing.T, c *wstest.Conn, channel, data string) (wstest.Frame, string) {
	t.Helper()
	f := c.Do(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":%s}`, channel, data), "hotsock.subscribed")
	c.Send(`{"event":"hotsock.ping"}`)
	before, _ := c.Until("hotsock.pong")
	var names []string
	for _, f := range before {
		names = append(names, f.Name())
	}
	return f, strings.Join(names, " ")
}

// rewound describes what hotsock.subscribed says of a rewind.
func rewound(f wstest.Frame) string {
	r, ok := f.Member("rewound").(map[string]any)
	switch {
	case !ok:
		return "none"
	case r["more"] == true:
		return fmt.Sprint(r["messages"], " and more")
	}
	return fmt.Sprint(r["messages"])
}

func TestRewind(t *testing.T) {
	var start time.Time // of the history, zero for none
	o := Options{Authenticate: func(*http.Request) (*Claims, error) {
		return &Claims{Channels: map[string]ChannelClaims{"*": {Subscribe: Allow, HistoryStart: start}}}, nil
	}}
	inRig(t, o, func(t *testing.T, r *rig) {
		ids := map[string]string{"": ""}
		publish := func(event string, keep time.Duration) { ids[event] = r.publish("a", event, nil, keep) }
		publish("old", Forever)
		time.Sleep(time.Hour)
		since := time.Now()
		publish("kept", time.Hour)
		publish("passing", 0)
		publish("brief", 10*time.Second)
		time.Sleep(30 * time.Second)
		publish("late", time.Hour)
		publish("last", 0)
		all := time.Unix(0, 0)
		for _, row := range []struct {
			why            string
			start          time.Time
			data           string // with the events of ids
			messages, says string
			recovered      any
		}{
			{"only what is kept", all, `{"rewind":10}`, "old kept late", "3", nil},
			{"as many as there are", all, `{"rewind":3}`, "old kept late", "3", nil},
			{"the newest", all, `{"rewind":2}`, "kept late", "2 and more", nil},
			{"one", all, `{"rewind":1}`, "late", "1 and more", nil},
			{"of the last seconds", all, `{"rewind":{"seconds":60}}`, "kept late", "2", nil},
			{"of too few seconds", all, `{"rewind":{"seconds":10}}`, "late", "1", nil},
			{"of the time before there were messages", all, `{"rewind":{"seconds":3155695200}}`, "old kept late", "3", nil},
			{"not from before the history", since, `{"rewind":10}`, "kept late", "2", nil},
			{"nothing that may not be listed", time.Time{}, `{"rewind":10}`, "", "0", nil},
			{"what was missed instead", all, `{"after":"passing","rewind":10}`, "brief late last", "none", true},
			{"nothing was missed", all, `{"after":"last","rewind":10}`, "", "none", true},
			{"after an unknown id", all, `{"after":"00VB0000000000000000000000","rewind":10}`, "old kept late", "3", false},
			{"null is no id", all, `{"after":null,"rewind":2}`, "kept late", "2 and more", nil},
			{"from before the history, which is after that id", since, `{"after":"old","rewind":10}`, "kept late", "2", false},
			{"an id of another history", all, `{"after":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ","rewind":1}`, "late", "1 and more", false},
			{"none is none", all, `{"rewind":null}`, "", "none", nil},
		} {
			start = row.start
			for event, id := range ids {
				row.data = strings.ReplaceAll(row.data, `"`+event+`"`, `"`+id+`"`)
			}
			f, messages := rewind(t, r.connect(""), "a", row.data)
			if messages != row.messages || rewound(f) != row.says || f.Member("recovered") != row.recovered {
				t.Errorf("%s: %s, and then %q", row.why, f.Text, messages)
			}
			if withID := f.Member("lastId") == ids["last"]; withID != (row.says != "none" || row.recovered != nil) {
				t.Errorf("%s: lastId is %v", row.why, f.Member("lastId"))
			}
		}
	})
}

// A client that knows messages already is not sent them again: what it has named is where
// a rewind ends.
func TestRewindAfterTooLong(t *testing.T) {
	inRig(t, Options{ReplayLimit: 2}, func(t *testing.T, r *rig) {
		r.publish("a", "shown", nil, Forever)
		seen := r.publish("a", "seen", nil, Forever)
		for i := range 3 {
			r.publish("a", fmt.Sprint("passing", i), nil, 0)
			r.publish("a", fmt.Sprint("missed", i), nil, Forever)
		}
		f, messages := rewind(t, r.connect("ann"), "a", fmt.Sprintf(`{"after":%q,"rewind":10}`, seen))
		if messages != "missed0 missed1 missed2" || rewound(f) != "3" || f.Member("recovered") != false {
			t.Errorf("%s, and then %q", f.Text, messages)
		}
		f, messages = rewind(t, r.connect("ann"), "a", fmt.Sprintf(`{"after":%q,"rewind":2}`, seen))
		if messages != "missed1 missed2" || rewound(f) != "2 and more" {
			t.Errorf("%s, and then %q", f.Text, messages)
		}
	})
}

// Rewound messages are as the history has them: the newest data, and no trace of what
// was deleted.
func TestRewindOfEdited(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		edited, deleted := r.publish("a", "edited", 1, Forever), r.publish("a", "deleted", 1, Forever)
		if _, err := r.h.UpdateMessage(t.Context(), MessageUpdate{Channel: "a", MessageID: edited, Data: 2}); err != nil {
			t.Fatal(err)
		}
		if err := r.h.DeleteMessage(t.Context(), MessageDeletion{Channel: "a", MessageID: deleted}); err != nil {
			t.Fatal(err)
		}
		c := r.connect("ann")
		f := c.Do(`{"event":"hotsock.subscribe","channel":"a","data":{"rewind":10}}`, "hotsock.subscribed")
		if rewound(f) != "1" {
			t.Errorf("got %s", f.Text)
		}
		if m := c.Next(); m.ID != edited || m.Value() != 2.0 || !strings.Contains(m.Text, `"version":2,"updatedAt":`) {
			t.Errorf("got %s", m.Text)
		}
		c.ExpectNothing()
	})
}

// A rewind is bounded by bytes, and by what may wait for the client: it has the newest.
func TestRewindOfMuch(t *testing.T) {
	const size = 30_000
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		for range 60 {
			r.publish("a", "much", strings.Repeat("x", size), Forever)
		}
		f, messages := rewind(t, r.connect("ann"), "a", `{"rewind":1000}`)
		n := strings.Count(messages, "much")
		if rewound(f) != fmt.Sprint(n, " and more") || n*size > maxRewindBytes || (n+2)*size < maxRewindBytes {
			t.Errorf("%s, and then %d messages", f.Text, n)
		}
	})
	inRig(t, Options{MaxQueueSize: 100_000}, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.publish("a", fmt.Sprint(i), strings.Repeat("x", size), Forever)
		}
		if f, messages := rewind(t, r.connect("ann"), "a", `{"rewind":1000}`); messages != "2 3 4" || rewound(f) != "3 and more" {
			t.Errorf("%s, and then %q", f.Text, messages)
		}
		// Entries that must be sent take the room of messages.
		if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "a", Key: "k", Data: strings.Repeat("x", size)}); err != nil {
			t.Fatal(err)
		}
		if f, messages := rewind(t, r.connect("ann"), "a", `{"rewind":1000}`); messages != "hotsock.channelStorageUpdated 4" || rewound(f) != "1 and more" {
			t.Errorf("%s, and then %q", f.Text, messages)
		}
	})
}

// What the client is subscribed to is rewound without leaving it, also by its token.
func TestRewindOfSubscribed(t *testing.T) {
	o := Options{Authenticate: func(*http.Request) (*Claims, error) {
		return &Claims{Channels: map[string]ChannelClaims{"a": {AutoSubscribe: Allow, HistoryStart: time.Unix(0, 0)}}}, nil
	}}
	inRig(t, o, func(t *testing.T, r *rig) {
		r.publish("a", "first", nil, Forever)
		c := r.connect("")
		if f := c.Expect("hotsock.subscribed"); rewound(f) != "none" {
			t.Errorf("got %s", f.Text)
		}
		r.publish("a", "second", nil, Forever)
		c.Expect("second")
		f, messages := rewind(t, c, "a", `{"rewind":2}`)
		if messages != "first second" || rewound(f) != "2" {
			t.Errorf("%s, and then %q", f.Text, messages)
		}
		r.publish("a", "third", nil, Forever)
		c.Expect("third")
	})
}

// A rewind waits for the store, as its subscribe does; if reading takes too long, the
// client is told that there is more.
func TestRewindWithoutStore(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.publish("a", "kept", nil, Forever)
		c := r.connect("ann")
		r.s.setDown(true)
		c.Do(`{"event":"hotsock.subscribe","channel":"a","data":{"rewind":5}}`, "UNAVAILABLE")
		time.Sleep(time.Minute)
		r.s.setDown(false)
		if f := c.Expect("hotsock.subscribed"); rewound(f) != "1" {
			t.Errorf("got %s", f.Text)
		}
		c.Expect("kept")

		r.s.takeReplays()
		r.s.mu.Lock()
		r.s.replaysHang = true
		r.s.mu.Unlock()
		for range 2 { // the second is not read any more
			if f, messages := rewind(t, c, "a", `{"rewind":5}`); rewound(f) != "0 and more" || messages != "" {
				t.Errorf("%s, and then %q", f.Text, messages)
			}
		}
		if got := r.s.takeReplays(); got != 1 {
			t.Errorf("it was read %d times", got)
		}
	})
}
