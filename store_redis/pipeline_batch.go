package storeredis

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// maxBatch is how many requests one execution of a script serves. The server does
	// nothing else meanwhile.
	maxBatch = 64
	// batchShared is how many arguments, after its operation and deadline, a request
	// has in common with the others of its batch.
	batchShared = 3
)

// A batch is the requests that one execution of a script serves: one, or several if
// the script takes many. Those have the same record of operations, so that on a
// cluster all their keys are in one slot.
type batch struct {
	script   *script
	requests []*request
}

// batches makes as few batches of the requests as possible. Requests under way
// at the same time have no order among them.
func batches(requests []*request) []*batch {
	out := make([]*batch, 0, len(requests))
	type kind struct {
		script *script
		ops    string
	}
	var open map[kind]*batch
	for i, r := range requests {
		if !r.script.many {
			out = append(out, &batch{r.script, requests[i : i+1]})
			continue
		}
		k := kind{r.script, r.ops}
		b := open[k]
		if b == nil || len(b.requests) == maxBatch {
			if open == nil {
				open = make(map[kind]*batch)
			}
			b = &batch{script: r.script, requests: make([]*request, 0, min(len(requests)-i, maxBatch))}
			open[k] = b
			out = append(out, b)
		}
		b.requests = append(b.requests, r)
	}
	return out
}

// command makes the command that executes the script: EVALSHA with its digest,
// or EVAL with its source.
func (b *batch) command(name, script string) []any {
	keys, size := 0, 4
	for _, r := range b.requests {
		keys += len(r.keys)
		size += len(r.keys) + 2 + len(r.args)
	}
	first := b.requests[0]
	if !b.script.reads {
		keys++
	}
	cmd := append(make([]any, 0, size), name, script, keys)
	if !b.script.reads {
		cmd = append(cmd, first.ops)
	}
	for _, r := range b.requests {
		cmd = append(cmd, r.keys...)
	}
	for i, r := range b.requests {
		if !b.script.reads {
			cmd = append(cmd, r.op, r.deadline)
		}
		args := r.args
		if i > 0 {
			args = args[batchShared:]
		}
		cmd = append(cmd, args...)
	}
	return cmd
}

// done gives each request its result.
func (b *batch) done(value any, err error, from source) {
	switch {
	case err != nil:
		for _, r := range b.requests {
			r.done <- result{nil, err, from}
		}
	case b.script.many:
		replies, err := parseReplies(value, len(b.requests))
		for i, r := range b.requests {
			res := result{nil, err, from}
			if err == nil && replies[i].status == "failed" {
				res.err = scriptError(replies[i].record.rest)
			} else if err == nil {
				res.reply = &replies[i]
			}
			r.done <- res
		}
	default:
		one, err := parseReply(value)
		b.requests[0].done <- result{one, err, from}
	}
}

// parseReplies reads what a script returns that takes many: the time, and then for each its
// record, or a status other than ok and a text.
func parseReplies(value any, n int) ([]reply, error) {
	list, ok := value.([]any)
	if !ok || len(list) != 1+n {
		return nil, fmt.Errorf("storeredis: a script returned %T of %d values for %d requests", value, len(list), n)
	}
	text, _ := list[0].(string)
	now, err := parseTime(text)
	if err != nil {
		return nil, err
	}
	replies := make([]reply, n)
	for i, one := range list[1:] {
		if text, ok := one.(string); ok {
			replies[i] = reply{status: "ok", now: now, record: record{rest: text}}
			continue
		}
		refused, err := stringsOf(one)
		if err != nil {
			return nil, err
		}
		if len(refused) != 2 {
			return nil, fmt.Errorf("storeredis: a script returned %q for a request", refused)
		}
		replies[i] = reply{status: refused[0], now: now, record: record{rest: refused[1]}}
	}
	return replies, nil
}

// A scriptError is why one request of several failed.
type scriptError string

var _ redis.Error = scriptError("")

func (e scriptError) Error() string { return string(e) }

// RedisError makes it an error of the server.
func (scriptError) RedisError() {}
