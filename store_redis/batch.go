package storeredis

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// mergeAtMost is how many attempts one execution of a script serves. The
	// server does nothing else meanwhile.
	mergeAtMost = 64
	// mergeShared is how many arguments, after its operation and deadline, an
	// attempt has in common with the others of its execution.
	mergeShared = 3
)

// An execution is one of a script. It serves one attempt; or several, of a
// script that takes many: their records of operations are the same, so that on a
// cluster all their keys are in one slot.
type execution struct {
	script   *script
	attempts []*attempt
}

// merge makes as few executions of the attempts as possible. Attempts under way
// at the same time have no order among them.
func merge(attempts []*attempt) []*execution {
	out := make([]*execution, 0, len(attempts))
	var open map[string]*execution // by record of operations
	for i, a := range attempts {
		if !a.script.many {
			out = append(out, &execution{a.script, attempts[i : i+1]})
			continue
		}
		e := open[a.ops]
		if e == nil || len(e.attempts) == mergeAtMost {
			if open == nil {
				open = make(map[string]*execution)
			}
			e = &execution{script: a.script}
			open[a.ops] = e
			out = append(out, e)
		}
		e.attempts = append(e.attempts, a)
	}
	return out
}

// command makes the command that executes the script: EVALSHA with its digest,
// or EVAL with its source.
func (e *execution) command(name, script string) []any {
	keys, size := 0, 4
	for _, a := range e.attempts {
		keys += len(a.keys)
		size += len(a.keys) + 2 + len(a.args)
	}
	first := e.attempts[0]
	if !e.script.reads {
		keys++
	}
	cmd := append(make([]any, 0, size), name, script, keys)
	if !e.script.reads {
		cmd = append(cmd, first.ops)
	}
	for _, a := range e.attempts {
		cmd = append(cmd, a.keys...)
	}
	for i, a := range e.attempts {
		if !e.script.reads {
			cmd = append(cmd, a.op, a.deadline)
		}
		args := a.args
		if i > 0 {
			args = args[mergeShared:]
		}
		cmd = append(cmd, args...)
	}
	return cmd
}

// done gives each attempt its outcome.
func (e *execution) done(value any, err error, from source) {
	switch {
	case err != nil:
		for _, a := range e.attempts {
			a.done <- outcome{nil, err, from}
		}
	case e.script.many:
		replies, err := parseReplies(value, len(e.attempts))
		for i, a := range e.attempts {
			o := outcome{nil, err, from}
			if err == nil && replies[i].status == "failed" {
				o.err = scriptError(replies[i].record.rest)
			} else if err == nil {
				o.reply = &replies[i]
			}
			a.done <- o
		}
	default:
		r, err := parseReply(value)
		e.attempts[0].done <- outcome{r, err, from}
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
