package hotsock

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A revocation says which tokens are revoked, as a record of the reserved channel has
// it. It never changes: a later one of the same user is another record, and both count.
// So it does not matter in which order nodes write and learn them.
type revocation struct {
	revocationName
	before int64 // microseconds since 1970: those are revoked that were issued earlier
	until  int64 // seconds since 1970: how long it is remembered

	// looked is closed when this node has looked for what it has to end, nil if it has or
	// need not. ended counts that. Both are guarded by revoker.mu.
	looked chan struct{}
	ended  int

	order uint64 // of learning it on this node, guarded by revocations.mu
}

// A revocationName says whose tokens they are. It has a digest of who that is, so that
// the store keeps no names, and all records are short.
type revocationName struct {
	kind   byte
	digest [16]byte
}

// The kinds of revocations.
const (
	revokedUser  = 'u'
	revokedToken = 'j' // by its "jti"
	revokedAll   = 'a'
)

func newRevocationName(kind byte, of string) revocationName {
	name := revocationName{kind: kind}
	if kind != revokedAll {
		sum := sha256.Sum256([]byte(of))
		copy(name.digest[:], sum[:])
	}
	return name
}

// record is the revocation as a key of a channel's storage.
func (r *revocation) record() string {
	b := []byte{r.kind, '.'}
	b = base64.RawURLEncoding.AppendEncode(b, r.digest[:])
	b = append(b, '.')
	b = strconv.AppendInt(b, r.before, 36)
	b = append(b, '.')
	return string(strconv.AppendInt(b, r.until, 36))
}

// parseRevocation is the reverse. It returns nil for what another version may have
// written.
func parseRevocation(record string) *revocation {
	parts := strings.Split(record, ".")
	if len(parts) != 4 || len(parts[0]) != 1 {
		return nil
	}
	r := &revocation{revocationName: revocationName{kind: parts[0][0]}}
	digest, _ := base64.RawURLEncoding.DecodeString(parts[1])
	copy(r.digest[:], digest)
	r.before, _ = strconv.ParseInt(parts[2], 36, 64)
	r.until, _ = strconv.ParseInt(parts[3], 36, 64)
	switch r.kind {
	case revokedUser, revokedToken, revokedAll:
		if r.record() == record {
			return r
		}
	}
	return nil
}

// covers reports whether all that other revokes is revoked by r as well, for as long.
func (r *revocation) covers(other *revocation) bool {
	return (r.revocationName == other.revocationName || r.kind == revokedAll && other.kind == revokedUser) &&
		r.before >= other.before && r.until >= other.until
}

// A tokenIdentity is what revocations look at.
type tokenIdentity struct {
	uid, jti string
	issued   time.Time // zero is before everything
}

// revocations are those that a node knows, without those that another one covers. Many
// ask, and few add.
type revocations struct {
	// count is how many there are, and added how many there ever were.
	count atomic.Int64
	added atomic.Uint64

	mu    sync.RWMutex
	named map[revocationName][]*revocation
	sweep time.Time // when those that are over are removed next
}

// sweepInterval is how long those that are over may stay in memory, if others come.
const sweepInterval = time.Minute

// add adds a revocation, and removes those that it covers. It returns the one that is
// known now: an equal one if there was one, nil if another one covers it.
func (rs *revocations) add(r *revocation) (known *revocation, isNew bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.removeOver(time.Now())
	for _, other := range rs.named[r.revocationName] {
		if other.before == r.before && other.until == r.until {
			return other, false
		}
	}
	if rs.isCovered(r) {
		return nil, false
	}
	if r.kind == revokedAll {
		rs.removeIf(r.covers)
	} else {
		rs.removeNamed(r.revocationName, r.covers)
	}
	if rs.named == nil {
		rs.named = make(map[revocationName][]*revocation)
	}
	rs.named[r.revocationName] = append(rs.named[r.revocationName], r)
	rs.count.Add(1)
	r.order = rs.added.Add(1)
	return r, true
}

// addAll adds revocations, also those that others cover.
func (rs *revocations) addAll(all []*revocation) {
	rs.named = make(map[revocationName][]*revocation, len(all))
	for _, r := range all {
		rs.named[r.revocationName] = append(rs.named[r.revocationName], r)
	}
	rs.count.Store(int64(len(all)))
}

// coverage returns the records that a revocation would cover, and whether another one
// covers that.
func (rs *revocations) coverage(r *revocation) (covered []string, isCovered bool) {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	look := func(named []*revocation) {
		for _, other := range named {
			if r.covers(other) && !other.covers(r) {
				covered = append(covered, other.record())
			}
		}
	}
	if r.kind != revokedAll {
		look(rs.named[r.revocationName])
		return covered, rs.isCovered(r)
	}
	for _, named := range rs.named {
		look(named)
	}
	return covered, rs.isCovered(r)
}

// isCovered reports whether another one, or an equal one, covers it. rs.mu is held.
func (rs *revocations) isCovered(r *revocation) bool {
	for _, name := range []revocationName{r.revocationName, {kind: revokedAll}} {
		for _, other := range rs.named[name] {
			if other.covers(r) {
				return true
			}
		}
	}
	return false
}

func (rs *revocations) removeOver(now time.Time) {
	if now.Before(rs.sweep) {
		return
	}
	rs.sweep = now.Add(sweepInterval)
	rs.removeIf(func(r *revocation) bool { return r.until < now.Unix() })
}

func (rs *revocations) removeIf(remove func(*revocation) bool) {
	for name := range rs.named {
		rs.removeNamed(name, remove)
	}
}

func (rs *revocations) removeNamed(name revocationName, remove func(*revocation) bool) {
	var rest []*revocation
	for _, r := range rs.named[name] {
		if remove(r) {
			rs.count.Add(-1)
		} else {
			rest = append(rest, r)
		}
	}
	if rest == nil {
		delete(rs.named, name)
	} else {
		rs.named[name] = rest
	}
}

// of returns one that revokes a token, nil for none.
func (rs *revocations) of(token tokenIdentity) *revocation { return rs.since(0, token) }

// since returns one that has been learnt after so many others.
func (rs *revocations) since(learnt uint64, token tokenIdentity) *revocation {
	if rs.count.Load() == 0 {
		return nil
	}
	issued := int64(-1)
	if !token.issued.IsZero() {
		issued = token.issued.UnixMicro()
	}
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	now := time.Now().Unix()
	find := func(name revocationName) *revocation {
		for _, r := range rs.named[name] {
			if (r.kind == revokedToken || issued < r.before) && now <= r.until && (learnt == 0 || r.order > learnt) {
				return r
			}
		}
		return nil
	}
	r := find(revocationName{kind: revokedAll})
	if r == nil && token.uid != "" {
		r = find(newRevocationName(revokedUser, token.uid))
	}
	if r == nil && token.jti != "" {
		r = find(newRevocationName(revokedToken, token.jti))
	}
	return r
}

// missing returns the records of those that are not there, and how long each is to be
// kept.
func (rs *revocations) missing(there map[string]bool) map[string]time.Duration {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	missing := make(map[string]time.Duration)
	for _, named := range rs.named {
		for _, r := range named {
			record := r.record()
			if keep := r.keep(); !there[record] && keep > 0 {
				missing[record] = keep
			}
		}
	}
	return missing
}

// keep is how long the store has to keep the record from now on.
func (r *revocation) keep() time.Duration { return time.Until(time.Unix(r.until, 0)) }
