package wire

import (
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/store"
)

// AppendHTTPError appends the body of an HTTP answer that is an error.
func AppendHTTPError(b []byte, f Failure) []byte {
	b = append(b, '{')
	b = appendFailure(b, f)
	return append(b, '}')
}

// An Accepted is the answer to a publish or a storage write over HTTP.
type Accepted struct {
	Channel, Event string
	ID             ulid.ULID // zero for none
	ScheduleARN    string    // "" for none
	Duplicate      bool      // of an earlier message
	Written        Written
	Version        int64 // of the message that was updated, 0 for none
}

// AppendAccepted appends an Accepted.
func AppendAccepted(b []byte, a *Accepted) []byte {
	b = append(b, `{"channel":`...)
	b = appendString(b, a.Channel)
	b = append(b, `,"event":`...)
	b = appendString(b, a.Event)
	if !a.ID.IsZero() {
		b = append(b, `,"id":`...)
		b = appendID(b, a.ID)
	}
	if a.ScheduleARN != "" {
		b = append(b, `,"scheduleArn":`...)
		b = appendString(b, a.ScheduleARN)
	}
	if a.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	if a.Written.Entry != nil {
		b = a.Written.append(append(b, ','))
	}
	if a.Version > 0 {
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, a.Version, 10)
	}
	return append(b, '}')
}

// AppendEmpty appends the answer of operations that have nothing to say.
func AppendEmpty(b []byte) []byte { return append(b, "{}"...) }

// AppendChannelInfo appends the answer of connection/getChannelInfo.
func AppendChannelInfo(b []byte, channel string, info store.ChannelInfo) []byte {
	b = append(b, `{"channel":`...)
	return appendChannelInfo(b, channel, info)
}

// AppendServerChannelInfo appends the server API's answer to GET of a channel.
func AppendServerChannelInfo(b []byte, channel string, info store.ChannelInfo) []byte {
	b = append(b, `{"name":`...)
	return appendChannelInfo(b, channel, info)
}

func appendChannelInfo(b []byte, channel string, info store.ChannelInfo) []byte {
	b = appendString(b, channel)
	b = append(b, `,"subscriptionsCount":`...)
	b = strconv.AppendInt(b, int64(info.Count), 10)
	if protocol.IsPresence(channel) {
		b = append(b, `,"members":[`...)
		b = AppendMembers(b, info.Members)
		b = append(b, ']')
	}
	return append(b, '}')
}

// AppendCount appends the answer of what was done to any number of things, under
// the name of what was done.
func AppendCount(b []byte, name string, n int) []byte {
	b = append(b, `{"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, '}')
}

// AppendReactionPage appends the answer of connection/listReactions.
func AppendReactionPage(b []byte, p store.ReactionsResult) []byte {
	b = append(b, `{"reactions":[`...)
	for i, r := range p.Reactions {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"reaction":`...)
		b = appendString(b, r.Reaction)
		b = append(b, ',')
		b = appendReactor(b, r)
		b = append(b, '}')
	}
	b = append(b, ']')
	if p.More {
		b = append(b, `,"next":`...)
		b = appendID(b, p.Reactions[len(p.Reactions)-1].ID)
	}
	return append(b, '}')
}

// appendReactor appends who reacted, without braces.
func appendReactor(b []byte, r store.Reaction) []byte {
	b = append(b, `"uid":`...)
	b = appendString(b, r.UID)
	if r.UMD != nil {
		b = append(b, `,"umd":`...)
		b = append(b, r.UMD...)
	}
	return b
}
