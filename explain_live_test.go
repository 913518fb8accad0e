package hotsock

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// explainedClient is a client with random claims, and what Explain has to know
// of it.
type explainedClient struct {
	*wstest.Conn
	r       *rig
	claims  *Claims
	command *Claims // of the subscribe token, nil for none
	refs    int
	others  []wstest.Frame // that came before the last answer
}

// TestExplainAgreesWithTheHandler asks Explain what clients with random claims
// may do, has them do it, and compares.
func TestExplainAgreesWithTheHandler(t *testing.T) {
	var claims []*Claims
	o := Options{Logger: slog.New(slog.DiscardHandler), Keys: []Key{tokenHS256.Key()}, Authenticate: func(r *http.Request) (*Claims, error) {
		i, err := strconv.Atoi(r.URL.Query().Get("uid"))
		return claims[i], err
	}}
	verdicts := make(map[string]int)
	inRig(t, o, func(t *testing.T, r *rig) {
		r.h.Handle("m", func(context.Context, Call) (any, error) { return nil, nil })
		for seed := range uint64(80) {
			d := claimsDice{rand.New(rand.NewPCG(seed, 2))}
			c := &explainedClient{r: r, claims: d.claims()}
			claims = append(claims, c.claims)
			c.Conn = r.connect(fmt.Sprint(len(claims) - 1))
			if d.IntN(2) == 0 {
				c.command = d.claims()
				c.command.Scope, c.command.Expires = ScopeSubscribe, time.Now().Add(time.Hour)
				c.command.ConnectionID = pickOne(d, c.ID, c.ID, c.ID, "other", "")
			}
			for i, channel := range explainedChannels {
				c.compare(t, fmt.Sprintf("seed %d", seed), channel, d, verdicts)
				if i > 0 {
					c.ask(fmt.Sprintf(`{"event":"hotsock.unsubscribe","channel":%q`, channel))
				}
			}
			c.Cut()
			synctest.Wait()
		}
	})
	for _, q := range explainQuestions("a", time.Now()) {
		for _, verdict := range []string{"true", "false"} {
			impossible := verdict == "true" && (q.Event == "#e" || q.Key == "k," || !q.At.IsZero() && q.At.Before(time.Now()))
			if key := string(q.Action) + " " + verdict; verdicts[key] < 10 && !impossible {
				t.Errorf("only %d times: %s", verdicts[key], key)
			}
		}
	}
}

// compare asks all questions about a channel before and after subscribing to
// it.
func (c *explainedClient) compare(t *testing.T, where, channel string, d claimsDice, verdicts map[string]int) {
	t.Helper()
	c.ask(fmt.Sprintf(`{"event":"hotsock.unsubscribe","channel":%q`, channel)) // if it was subscribed on connecting
	type asked struct {
		q ExplainRequest
		e Explanation
	}
	var all []asked
	for _, q := range explainQuestions(channel, time.Now()) {
		q.Claims, q.CommandClaims, q.ConnectionID = c.claims, c.command, c.ID
		e := explain(t, c.r.h, q)
		all = append(all, asked{q, e})
		verdicts[fmt.Sprint(q.Action, " ", e.Allowed)]++
	}
	check := func(when string, a asked, want bool, code Code) {
		t.Helper()
		if ok, got := c.try(t, a.q, a.e.Channel, d); ok != want || got != code {
			t.Fatalf("%s, %s: %+v: %t %q, want %t %q\nexplained by\n%s", where, when, a.q, ok, got, want, code, a.e)
		}
	}
	for _, a := range all[1:] {
		switch {
		case a.e.NeedsSubscription:
			if ok, got := c.try(t, a.q, a.e.Channel, d); ok {
				t.Fatalf("%s, before subscribing: %+v: true %q, but it is said to need a subscription\n%s", where, a.q, got, a.e)
			}
		case a.e.Allowed && c.command == nil:
			check("before subscribing", a, true, "")
		}
	}
	check("subscribing", all[0], all[0].e.Allowed, all[0].e.Code)
	for _, a := range all[1:] {
		if all[0].e.Code != CodeInvalidSubscribeToken {
			check("after subscribing", a, a.e.Allowed, a.e.Code)
		}
	}
}

// uid is who the client is while it is subscribed.
func (c *explainedClient) uid() string {
	if c.command != nil && c.command.UID != "" {
		return c.command.UID
	}
	return c.claims.UID
}

// try does what a question is about, on the channel whose real name is given.
func (c *explainedClient) try(t *testing.T, q ExplainRequest, channel string, d claimsDice) (bool, Code) {
	t.Helper()
	name := `,"channel":` + strconv.Quote(q.Channel)
	at := ""
	if !q.At.IsZero() {
		at = fmt.Sprintf(`,"scheduleExpression":"at(%s)"`, q.At.UTC().Format("2006-01-02T15:04:05"))
	}
	publish := fmt.Sprintf(`{"event":%q%s,"data":%d%s`, q.Event, name, d.Uint32(), at)
	set := fmt.Sprintf(`{"event":"hotsock.channelStorageSet"%s,"key":%q,"data":%d%s`, name, q.Key, d.Uint32(), at)
	succeeded := func(code Code) (bool, Code) { return code == "", code }
	switch q.Action {
	case ActionSubscribe:
		data := ""
		if q.CommandClaims != nil {
			data = fmt.Sprintf(`,"data":{"token":%q}`, c.sign(t, q.CommandClaims))
		}
		_, code := c.ask(`{"event":"hotsock.subscribe"` + name + data)
		return succeeded(code)
	case ActionGetInfo:
		return succeeded(c.post(t, "getChannelInfo", q.Channel))
	case ActionHistory:
		return succeeded(c.post(t, "listMessages", q.Channel))
	case ActionCall:
		_, code := c.ask(fmt.Sprintf(`{"event":"hotsock.call"%s,"data":{"method":%q}`, name, q.Method))
		return succeeded(code)
	case ActionGet:
		_, code := c.ask(fmt.Sprintf(`{"event":"hotsock.channelStorageGet"%s,"key":%q`, name, q.Key))
		return succeeded(code)
	case ActionPublish:
		_, code := c.ask(publish)
		return succeeded(code)
	case ActionSet:
		_, code := c.ask(set)
		return succeeded(code)
	case ActionSchedule:
		if q.Key != "" {
			publish = set
		}
		_, code := c.ask(publish)
		return succeeded(code)
	case ActionEcho:
		ack, code := c.ask(publish)
		if code != "" {
			return false, code
		}
		return c.sees(func(f wstest.Frame) bool { return f.ID == ack.Member("id") }), ""
	case ActionStore:
		return c.tryStore(t, q, channel, publish, set)
	case ActionReact:
		// The message is there, and not older than the subscription.
		m, err := c.r.h.Publish(t.Context(), Message{Channel: channel, Event: q.Event, Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		_, code := c.ask(fmt.Sprintf(`{"event":"hotsock.messageReaction"%s,"data":{"messageId":%q,"reaction":%q,"action":"add"}`, name, m.ID, q.Reaction))
		return succeeded(code)
	case ActionUpdate, ActionDelete:
		// The message is there, the client's own, and not older than the subscription.
		p := Message{Channel: channel, Event: q.Event, Store: time.Hour}
		if uid := c.uid(); uid != "" {
			p.From = &Member{UID: uid}
		}
		m, err := c.r.h.Publish(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		command := map[Action]string{ActionUpdate: "Update", ActionDelete: "Delete"}[q.Action]
		_, code := c.ask(fmt.Sprintf(`{"event":"hotsock.message%s"%s,"data":{"messageId":%q,"data":1}`, command, name, m.ID))
		return succeeded(code)
	case ActionStop:
		p := Message{Channel: channel, Event: q.Event, Store: time.Hour}
		if uid := c.uid(); uid != "" {
			p.From = &Member{UID: uid}
		}
		s, err := c.r.h.Stream(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Abort("") }()
		_, code := c.ask(fmt.Sprintf(`{"event":"hotsock.streamStop"%s,"data":{"messageId":%q}`, name, s.ID()))
		return succeeded(code)
	case ActionObserve:
		c.others = nil // entries that were there when it subscribed
		if _, err := c.r.h.SetStorage(t.Context(), Entry{Channel: channel, Key: q.Key, Data: d.Uint32()}); err != nil {
			t.Fatal(err)
		}
		return c.sees(func(f wstest.Frame) bool { return f.Event == "hotsock.channelStorageUpdated" }), ""
	}
	t.Fatalf("nothing to try for %s", q.Action)
	return false, ""
}

// tryStore also compares for how long.
func (c *explainedClient) tryStore(t *testing.T, q ExplainRequest, channel, publish, set string) (bool, Code) {
	t.Helper()
	e := explain(t, c.r.h, q)
	want := time.Time{}
	if n, err := strconv.Atoi(string(e.Claims[0].Value)); err == nil && n > 0 && e.Claims[0].Name == "store" {
		want = time.Now().Add(time.Duration(n) * time.Second)
	}
	if q.Key != "" {
		if _, code := c.ask(set); code != "" {
			return false, code
		}
		entries, err := c.r.h.Storage(t.Context(), StorageQuery{Channel: channel, Keys: []string{q.Key}})
		if err != nil || len(entries.Items) != 1 {
			t.Fatalf("%d entries, %v", len(entries.Items), err)
		}
		if e.Allowed && c.command == nil && entries.Items[0].Expires.Sub(want).Abs() > time.Second {
			t.Fatalf("the entry expires at %v, want %v\n%s", entries.Items[0].Expires, want, e)
		}
		return true, ""
	}
	ack, code := c.ask(publish)
	if code != "" {
		return false, code
	}
	id := ack.Member("id")
	stored, err := c.r.h.History(t.Context(), HistoryQuery{Channel: channel, Reverse: true})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(stored.Items, func(m HistoryMessage) bool { return m.ID == id })
	if i >= 0 && e.Allowed && c.command == nil && stored.Items[i].Expires.Sub(want).Abs() > time.Second {
		t.Fatalf("the message expires at %v, want %v\n%s", stored.Items[i].Expires, want, e)
	}
	return i >= 0, ""
}

// sign makes the token, also one that could never be used.
func (c *explainedClient) sign(t *testing.T, claims *Claims) string {
	t.Helper()
	payload, err := claims.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return tokenRaw(`{"alg":"HS256"}`, string(payload))
}

// ask sends a command that lacks its end, and returns the answer and the code of
// its error.
func (c *explainedClient) ask(command string) (wstest.Frame, Code) {
	c.r.t.Helper()
	c.refs++
	ref := fmt.Sprint(c.refs)
	c.Send(command + `,"ref":` + strconv.Quote(ref) + `}`)
	c.others = nil
	for {
		f := c.Next()
		if f.Ref == ref {
			return f, Code(f.Error.Code)
		}
		c.others = append(c.others, f)
	}
}

// sees reports whether there is such a frame among what is delivered.
func (c *explainedClient) sees(is func(wstest.Frame) bool) bool {
	before := c.others
	synctest.Wait()
	c.ask(`{"event":"hotsock.ping"`)
	return slices.ContainsFunc(append(before, c.others...), is)
}

func (c *explainedClient) post(t *testing.T, operation, channel string) Code {
	t.Helper()
	query := url.Values{"connectionId": {c.ID}, "connectionSecret": {c.Secret}}
	body := strings.NewReader(fmt.Sprintf(`{"channel":%q}`, channel))
	r, err := c.r.l.Client().Post("http://rig/rt/connection/"+operation+"?"+query.Encode(), "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Error struct{ Code Code } }
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Error.Code
}
