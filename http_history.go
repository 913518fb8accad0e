package hotsock

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// channelMessages does what [Handler.History] does, with the counts of the reactions
// only.
func (a *serverAPI) channelMessages(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	q, err := parseHistory(channel, r.URL.Query())
	if err != nil {
		return 0, nil, err
	}
	page, err := a.h.reads.history(r.Context(), q)
	if err != nil {
		return 0, nil, err
	}
	out := wire.MessagePage{Messages: page.messages, Tallies: page.tallies, MaxBytes: maxPageSize, Cursors: true}
	if page.more {
		out.Next = page.last
	}
	out.Origins = make([]wire.Origin, len(page.messages))
	for i, m := range page.messages {
		out.Origins[i] = wire.Origin(messageOrigin(m.Origin))
	}
	return http.StatusOK, wire.AppendMessagePage(nil, out), nil
}

func parseHistory(channel string, in url.Values) (historyQuery, error) {
	q := historyQuery{channel: channel, event: in.Get("event"), limit: wire.MaxPage, maxBytes: maxPageSize}
	var err error
	if q.after, err = messageID(`"after"`, in.Get("after")); err != nil {
		return q, err
	}
	if q.before, err = messageID(`"before"`, in.Get("before")); err != nil {
		return q, err
	}
	if text := in.Get("reverse"); text != "" {
		if q.reverse, err = strconv.ParseBool(text); err != nil {
			return q, refuseBecause(CodeInvalidRequest, `"reverse" must be true or false`)
		}
	}
	if text := in.Get("limit"); text != "" {
		if q.limit, err = strconv.Atoi(text); err != nil || q.limit < 1 || q.limit > wire.MaxPage {
			return q, refuseBecause(CodeInvalidRequest, `"limit" must be 1 to 100`)
		}
	}
	return q, nil
}
