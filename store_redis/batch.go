package storeredis

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// mergeAtMost is how many attempts one execution of a script serves. The
	// server does nothing else meanwhile.
	mergeAtMost = 64
	// mergeShared is how many arguments the first has of its own, the operation and
	// its deadline, and in front of the others:
	// the attempts of one execution have in common.
	mergeShared = 5
)

// An execution is one of a script. It serves one attempt; or several, of a
// script that takes many: their first keys, the records of operations, are the
// same, so that on a cluster all their keys are in one slot.
type execution struct {
	script   *script
	keys     []string
	args     []any
	attempts []*attempt
}

// merge makes as few executions of the attempts as possible. Attempts under way
// at the same time have no order among them.
func merge(attempts []*attempt) []*execution {
	out := make([]*execution, 0, len(attempts))
	var open map[string]*execution // by record of operations
	for i, a := range attempts {
		if !a.script.many {
			out = append(out, &execution{a.script, a.keys, a.args, attempts[i : i+1]})
			continue
		}
		e := open[a.keys[0]]
		if e == nil || len(e.attempts) == mergeAtMost {
			if open == nil {
				open = make(map[string]*execution)
			}
			e = &execution{script: a.script, keys: a.keys[:1:1], args: a.args[:mergeShared:mergeShared]}
			open[a.keys[0]] = e
			out = append(out, e)
		} else {
			e.args = append(e.args, a.args[:2]...)
		}
		e.keys = append(e.keys, a.keys[1:]...)
		e.args = append(e.args, a.args[mergeShared:]...)
		e.attempts = append(e.attempts, a)
	}
	return out
}

// done gives each attempt its outcome.
func (e *execution) done(value any, err error, received time.Time) {
	switch {
	case err != nil:
		for _, a := range e.attempts {
			a.done <- outcome{nil, err, received}
		}
	case e.script.many:
		replies, err := parseReplies(value, len(e.attempts))
		for i, a := range e.attempts {
			o := outcome{nil, err, received}
			if err == nil && replies[i].status == "failed" {
				o.err = scriptError(replies[i].record.rest)
			} else if err == nil {
				o.reply = &replies[i]
			}
			a.done <- o
		}
	default:
		r, err := parseReply(value)
		e.attempts[0].done <- outcome{r, err, received}
	}
}

// parseReplies reads what a script returns that takes many: the time, and then a
// status and a record for each.
func parseReplies(value any, n int) ([]reply, error) {
	list, err := stringsOf(value)
	if err != nil {
		return nil, err
	}
	if len(list) != 1+2*n {
		return nil, fmt.Errorf("storeredis: a script returned %d values for %d attempts", len(list), n)
	}
	now, err := parseTime(list[0])
	if err != nil {
		return nil, err
	}
	replies := make([]reply, n)
	for i := range replies {
		replies[i] = reply{status: list[1+2*i], now: now, record: record{rest: list[2+2*i]}}
	}
	return replies, nil
}

// A scriptError is why one attempt of several failed.
type scriptError string

var _ redis.Error = scriptError("")

func (e scriptError) Error() string { return string(e) }

// RedisError makes it an error of the server.
func (scriptError) RedisError() {}
