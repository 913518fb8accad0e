package storeredis

import (
	"context"
	"time"
)

// tokenSlack is how much longer than a token lasts its use is remembered: the
// clock of a server that becomes master may be ahead.
const tokenSlack = 5 * time.Minute

// UseToken notes the first use of a token, in a key that expires after it.
func (n *node) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	if n.left.Load() {
		return false, errLeft
	}
	p, key := n.s.keys.token(token)
	keep := millis(max(0, time.Until(until)) + tokenSlack)
	r, err := n.s.do(ctx, call{script: useTokenScript, part: p, keys: []any{key}, args: []any{decimal(keep)}})
	if err != nil {
		return false, err
	}
	return r.record.flag(), r.record.err()
}
