package hotsock

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/oklog/ulid/v2"

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
	for _, m := range page.messages {
		out.Origins = append(out.Origins, wire.Origin(messageOrigin(m.Origin)))
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

// latest does what [Handler.Latest] does, for as many channels as fit into an answer.
func (a *serverAPI) latest(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
	if err != nil {
		return 0, nil, err
	}
	var out wire.Latest
	if out.Rest, err = wire.DecodeLatest(body); err != nil {
		return 0, nil, err
	}
	for _, channel := range out.Rest {
		if err := validateChannel(channel); err != nil {
			return 0, nil, err
		}
	}
	for size := 0; len(out.Rest) > 0 && size < maxPageSize; {
		some := out.Rest[:min(len(out.Rest), maxChannelReads)]
		messages, err := a.h.reads.latest(r.Context(), some)
		if err != nil {
			return 0, nil, err
		}
		for _, channel := range some {
			m := messages[channel]
			if m != nil && len(out.Messages) > 0 && size+m.Size() > maxPageSize {
				size = maxPageSize
				break
			}
			out.Rest = out.Rest[1:]
			if m != nil {
				out.Messages, out.Origins = append(out.Messages, m), append(out.Origins, wire.Origin(messageOrigin(m.Origin)))
				size += m.Size()
				delete(messages, channel) // it may have been asked for twice
			}
		}
	}
	return http.StatusOK, wire.AppendLatest(nil, out), nil
}

// countSince does what [Handler.CountSince] does.
func (a *serverAPI) countSince(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
	if err != nil {
		return 0, nil, err
	}
	list, err := wire.DecodeCount(body)
	if err != nil {
		return 0, nil, err
	}
	after := make(map[string]ulid.ULID, len(list))
	for _, m := range list {
		after[m.Channel] = m.ID
	}
	counts, err := a.h.reads.countSince(r.Context(), after)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendCounts(nil, list, counts), nil
}
