package console

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

// channelSummary is hotsock.ChannelSummary as JSON.
type channelSummary struct {
	Name               string `json:"name"`
	SubscriptionsCount int    `json:"subscriptionsCount"`
	MembersCount       int    `json:"membersCount"`
}

// connection is hotsock.Connection as JSON.
type connection struct {
	ID                 string          `json:"id"`
	UID                string          `json:"uid,omitempty"`
	UMD                json.RawMessage `json:"umd,omitempty"`
	ConnectedAt        time.Time       `json:"connectedAt"`
	SourceIP           string          `json:"sourceIp"`
	UserAgent          string          `json:"userAgent"`
	SubscriptionsCount int             `json:"subscriptionsCount"`
}

// channels lists those that have subscriptions, and whose names begin with ?prefix=.
func (c *console) channels(r *http.Request, _ []byte) (any, error) {
	q := r.URL.Query()
	page, err := c.Handler.Channels(r.Context(), hotsock.ChannelQuery{Prefix: q.Get("prefix"), After: q.Get("after")})
	if err != nil {
		return nil, err
	}
	out := struct {
		Channels []channelSummary `json:"channels"`
		Next     string           `json:"next,omitempty"`
	}{[]channelSummary{}, page.Next}
	for _, s := range page.Items {
		out.Channels = append(out.Channels, channelSummary(s))
	}
	return out, nil
}

// connections lists those of the user ?uid=, or all.
func (c *console) connections(r *http.Request, _ []byte) (any, error) {
	q := r.URL.Query()
	page, err := c.Handler.Connections(r.Context(), hotsock.ConnectionQuery{UID: q.Get("uid"), After: q.Get("after")})
	if err != nil {
		return nil, err
	}
	out := struct {
		Connections []connection `json:"connections"`
		Next        string       `json:"next,omitempty"`
	}{[]connection{}, page.Next}
	for _, s := range page.Items {
		out.Connections = append(out.Connections, connection(s))
	}
	return out, nil
}
