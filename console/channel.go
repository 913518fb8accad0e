package console

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

type user struct {
	UID string          `json:"uid"`
	UMD json.RawMessage `json:"umd,omitempty"`
}

func userOf(m hotsock.Member) user { return user{m.UID, m.UMD} }

type entry struct {
	Key     string          `json:"key"`
	Data    json.RawMessage `json:"data"`
	By      user            `json:"by"`
	Expires *time.Time      `json:"expires,omitempty"`
	Version string          `json:"version"`
}

type message struct {
	ID        string          `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	By        *user           `json:"by,omitempty"` // absent: the server
	Expires   *time.Time      `json:"expires,omitempty"`
	Reactions map[string]int  `json:"reactions,omitempty"`
	Version   int64           `json:"version"`
	Updated   *time.Time      `json:"updated,omitempty"`
	Origin    *origin         `json:"origin,omitempty"` // absent: not known
}

// origin is hotsock.MessageOrigin as JSON.
type origin struct {
	Trigger      string `json:"trigger"`
	Scheduled    bool   `json:"scheduled,omitempty"`
	ConnectionID string `json:"connectionId,omitempty"`
	SourceIP     string `json:"sourceIp,omitempty"`
	UserAgent    string `json:"userAgent,omitempty"`
}

// schedule is hotsock.Schedule as JSON.
type schedule struct {
	ARN          string          `json:"scheduleArn"`
	Due          time.Time       `json:"due"`
	Channel      string          `json:"channel"`
	Event        string          `json:"event"`
	Key          string          `json:"key,omitempty"`
	Data         json.RawMessage `json:"data"`
	UID          string          `json:"uid,omitempty"`
	ConnectionID string          `json:"connectionId,omitempty"`
}

// channel answers with what there is to know of a channel. ?after= is a storage
// key, and ?before= the id of a message, for further pages.
func (c *console) channel(r *http.Request, _ []byte) (any, error) {
	q := r.URL.Query()
	name := q.Get("name")
	info, err := c.Handler.ChannelInfo(r.Context(), name)
	if err != nil {
		return nil, err
	}
	entries, err := c.Handler.Storage(r.Context(), hotsock.StorageQuery{Channel: name, After: q.Get("after")})
	if err != nil {
		return nil, err
	}
	messages, err := c.Handler.History(r.Context(), hotsock.HistoryQuery{Channel: name, Before: q.Get("before"), Reverse: true})
	if err != nil {
		return nil, err
	}
	out := struct {
		Name     string    `json:"name"`
		Count    int       `json:"subscriptionsCount"`
		Members  []user    `json:"members"`
		Storage  []entry   `json:"storage"`
		Messages []message `json:"messages"` // the newest first
	}{name, info.SubscriptionsCount, []user{}, []entry{}, []message{}}
	for _, m := range info.Members {
		out.Members = append(out.Members, userOf(m))
	}
	for _, e := range entries.Items {
		out.Storage = append(out.Storage, entry{e.Key, e.Data, userOf(e.By), timeOrNil(e.Expires), e.Version})
	}
	for _, m := range messages.Items {
		w := message{
			ID: m.ID, Event: m.Event, Data: orNull(m.Data), Expires: timeOrNil(m.Expires),
			Reactions: m.ReactionCounts, Version: m.Version, Updated: timeOrNil(m.Updated),
		}
		if m.Origin.Trigger != "" {
			from := origin(m.Origin)
			w.Origin = &from
		}
		if m.By != nil {
			by := userOf(*m.By)
			w.By = &by
		}
		out.Messages = append(out.Messages, w)
	}
	return out, nil
}

// schedules lists what is due first, of one channel or with ?channel= of all.
func (c *console) schedules(r *http.Request, _ []byte) (any, error) {
	list, err := c.Handler.Schedules(r.Context(), hotsock.ScheduleQuery{Channel: r.URL.Query().Get("channel")})
	if err != nil {
		return nil, err
	}
	out := struct {
		Schedules []schedule `json:"schedules"`
	}{[]schedule{}}
	for _, s := range list.Items {
		s.Data = orNull(s.Data)
		out.Schedules = append(out.Schedules, schedule(s))
	}
	return out, nil
}

// orNull: no data is null, in JSON.
func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return json.RawMessage("null")
	}
	return data
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
