package storeredis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// probeEvery is how often a link is proven: a message is published to a
	// topic of it, and must be heard.
	probeEvery = time.Second
	// probePatience is how long a link may be silent before it is replaced.
	probePatience = 2500 * time.Millisecond
)

var errNotMaster = errors.New("the server is not the master")

// sendProbe publishes a message that the link must hear. It returns an error if
// the link is to a server that is not the master, as it may be just after
// another one has become that. A replica lets one subscribe, and passes on what
// its master tells it, but while it is not in touch with that it misses
// messages without a sign.
func (l *link) sendProbe(ctx context.Context, client redis.UniversalClient) error {
	ctx, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	command := "PUBLISH"
	if l.sharded {
		command = "SPUBLISH"
	}
	keys := []string{l.probe, l.f.n.s.keys.nothing(l.part)}
	value, err := client.EvalSha(ctx, probeScript.sha, keys, command).Result()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		value, err = client.Eval(ctx, probeScript.src, keys, command).Result()
	}
	if err != nil {
		if hasCode(err, "MOVED") || hasCode(err, "READONLY") {
			return errNotMaster
		}
		return nil // Not heard means failed.
	}
	r, err := parseReply(value)
	if err != nil {
		return err
	}
	if r.record.next() == "0" {
		return errNotMaster
	}
	return nil
}
