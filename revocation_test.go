package hotsock

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRevocationCheck(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	keyed := Options{Keys: []Key{{}}, ClockSkew: 5 * time.Second, MaxConnectionDuration: time.Hour}
	limited := keyed
	limited.MaxTokenLifetime = time.Minute
	in := now.Add
	for _, row := range []struct {
		why  string
		o    Options
		r    Revocation
		want string // kind, before from now, until from now; or a part of the error
	}{
		{"a user, until now", limited, Revocation{UID: "jim"}, "u 0s 1h1m6s"},
		{"a user, until another time", limited, Revocation{UID: "jim", IssuedBefore: in(-time.Hour)}, "u -1h0m0s 1h1m6s"},
		{"everybody", limited, Revocation{IssuedBefore: now}, "a 0s 1h1m6s"},
		{"a token", limited, Revocation{TokenID: "1"}, "j - 1h1m6s"},
		{"a token whose end is known", keyed, Revocation{TokenID: "1", Until: in(time.Second)}, "j - 1h0m7s"},
		{"no tokens but sessions", Options{MaxConnectionDuration: time.Hour}, Revocation{UID: "jim"}, "u 0s 1h0m1s"},
		{"an issuer whose clock is ahead", limited, Revocation{UID: "jim", IssuedBefore: in(5 * time.Minute)}, "u 5m0s 1h1m6s"},
		{"later than clocks can be ahead", limited, Revocation{UID: "jim", IssuedBefore: in(5*time.Minute + 1)}, "at most 5m0s ahead"},
		{"before all times", limited, Revocation{UID: "jim", IssuedBefore: time.Unix(-1, 0)}, "1970"},
		{"nothing", limited, Revocation{}, "is needed"},
		{"only an end", limited, Revocation{Until: in(time.Hour)}, "is needed"},
		{"a token and its user", limited, Revocation{UID: "jim", TokenID: "1"}, "goes with neither"},
		{"a token and a time", limited, Revocation{TokenID: "1", IssuedBefore: now}, "goes with neither"},
		{"a user that cannot be", limited, Revocation{UID: strings.Repeat("x", 129)}, "128 characters"},
		{"a user that is not UTF-8", limited, Revocation{UID: "\xff"}, "128 characters"},
		{"an id that is longer than a token", limited, Revocation{TokenID: strings.Repeat("x", 8<<10+1)}, "longer"},
		{"an id that is not UTF-8", limited, Revocation{TokenID: "\xff"}, "UTF-8"},
		{"nobody knows how long such tokens live", keyed, Revocation{UID: "jim"}, "MaxTokenLifetime"},
		{"the same with other keys", Options{KeyLookup: keyed.KeyLookup, Keys: keyed.Keys}, Revocation{UID: "jim"}, "MaxTokenLifetime"},
		{"tokens that have expired", keyed, Revocation{UID: "jim", Until: in(-1)}, "expire after now"},
		{"tokens that live for ever", keyed, Revocation{UID: "jim", Until: in(101 * 365 * 24 * time.Hour)}, "hundred years"},
	} {
		r, err := row.r.check(&row.o, now)
		var got string
		switch {
		case err != nil:
			if got = err.Error(); strings.Contains(got, row.want) {
				got = row.want
			}
		case r.before == 0:
			got = fmt.Sprintf("%c - %v", r.kind, time.Unix(r.until, 0).Sub(now.Truncate(time.Second)))
		default:
			got = fmt.Sprintf("%c %v %v", r.kind, time.UnixMicro(r.before).Sub(now), time.Unix(r.until, 0).Sub(now.Truncate(time.Second)))
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.why, got, row.want)
		}
	}
}

// Which tokens a set of revocations revokes.
func TestRevocationsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := func(seconds int) time.Time { return time.Now().Add(time.Duration(seconds) * time.Second) }
		named := func(kind byte, of string, before, until int) *revocation {
			return &revocation{revocationName: newRevocationName(kind, of), before: at(before).UnixMicro(), until: at(until).Unix()}
		}
		var rs revocations
		if rs.of(tokenIdentity{"jim", "1", time.Time{}}) != nil {
			t.Error("something is revoked by nothing")
		}
		for _, r := range []*revocation{
			named(revokedUser, "jim", -10, 100), named(revokedUser, "jim", -20, 300), named(revokedToken, "1", 0, 100),
			named(revokedAll, "", -1000, 200), named(revokedUser, "over", 0, -1),
		} {
			if _, isNew := rs.add(r); !isNew {
				t.Errorf("%s is not new", r.record())
			}
		}
		for _, row := range []struct {
			why   string
			token tokenIdentity
			want  bool
		}{
			{"before", tokenIdentity{"jim", "", at(-11)}, true},
			{"at that time", tokenIdentity{"jim", "", at(-10)}, false},
			{"just before", tokenIdentity{"jim", "", at(-10).Add(-time.Microsecond)}, true},
			{"nobody knows when", tokenIdentity{"jim", "", time.Time{}}, true},
			{"another user", tokenIdentity{"pam", "", at(-11)}, false},
			{"a user whose name looks like a token's id", tokenIdentity{"1", "jim", at(-11)}, false},
			{"the id", tokenIdentity{"", "1", at(10)}, true},
			{"another id", tokenIdentity{"", "2", at(-11)}, false},
			{"everybody", tokenIdentity{"pam", "2", at(-1001)}, true},
			{"nobody, at no time", tokenIdentity{}, true},
			{"what is over", tokenIdentity{"over", "", at(-5)}, false},
		} {
			if got := rs.of(row.token) != nil; got != row.want {
				t.Errorf("%s: %v", row.why, got)
			}
		}
		time.Sleep(150 * time.Second)
		if rs.of(tokenIdentity{"jim", "1", at(-150 - 11)}) != nil {
			t.Error("what is over counts")
		}
		if rs.of(tokenIdentity{"jim", "", at(-150 - 21)}) == nil {
			t.Error("what is not over does not count")
		}
	})
}

// Those that revoke less are dropped, whichever came first, and what is over.
func TestRevocationsCover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		of := func(kind byte, of string, before, until int64) *revocation {
			return &revocation{revocationName: newRevocationName(kind, of), before: before, until: now + until}
		}
		weak, strong := of(revokedUser, "jim", 1, 10), of(revokedUser, "jim", 2, 10)
		longer, later := of(revokedUser, "jim", 1, 20), of(revokedUser, "jim", 3, 5)
		id, all, longAll := of(revokedToken, "1", 0, 10), of(revokedAll, "", 5, 10), of(revokedAll, "", 5, 30)
		for _, row := range []struct {
			why  string
			adds []*revocation
			want []*revocation
		}{
			{"one", []*revocation{weak}, []*revocation{weak}},
			{"the same", []*revocation{weak, weak}, []*revocation{weak}},
			{"a stronger one", []*revocation{weak, strong}, []*revocation{strong}},
			{"a weaker one", []*revocation{strong, weak}, []*revocation{strong}},
			{"each in another way", []*revocation{longer, strong, later}, []*revocation{longer, strong, later}},
			{"of everybody", []*revocation{weak, strong, id, all}, []*revocation{id, all}},
			{"everybody's first", []*revocation{all, weak, id}, []*revocation{all, id}},
			{"everybody's, not for long enough", []*revocation{longer, all}, []*revocation{longer, all}},
			{"everybody's for longer", []*revocation{all, longAll}, []*revocation{longAll}},
		} {
			var rs revocations
			for _, r := range row.adds {
				covered, isCovered := rs.coverage(r)
				before := records(&rs)
				_, isNew := rs.add(r)
				if isNew == isCovered {
					t.Errorf("%s: %s is covered: %v, and new: %v", row.why, r.record(), isCovered, isNew)
				}
				if d := cmp.Diff(len(before)+map[bool]int{true: 1}[isNew]-len(covered), len(records(&rs))); d != "" {
					t.Errorf("%s: %d are covered: %s", row.why, len(covered), d)
				}
			}
			want := make(map[string]bool)
			for _, r := range row.want {
				want[r.record()] = true
			}
			if d := cmp.Diff(want, records(&rs)); d != "" {
				t.Errorf("%s (-want +got):\n%s", row.why, d)
			}
		}
		var rs revocations
		rs.add(of(revokedUser, "pam", 1, -1))
		time.Sleep(sweepInterval + time.Second)
		rs.add(weak)
		if n := rs.count.Load(); n != 1 {
			t.Errorf("%d are remembered", n)
		}
	})
}

func records(rs *revocations) map[string]bool {
	all := make(map[string]bool)
	for _, named := range rs.named {
		for _, r := range named {
			all[r.record()] = true
		}
	}
	return all
}

// FuzzRevocation reads what another version, or somebody else, may have written.
func FuzzRevocation(f *testing.F) {
	for _, kind := range []byte{revokedUser, revokedToken, revokedAll, 'x'} {
		f.Add((&revocation{revocationName: newRevocationName(kind, "jim"), before: 1e15, until: 1e9}).record())
	}
	for _, text := range []string{"", "...", "u...", "u.AAAA.1.1", "a.AAAAAAAAAAAAAAAAAAAAAA.-1.01", "a.AAAAAAAAAAAAAAAAAAAAAA.zzzzzzzzzzzzzzzz.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r := parseRevocation(text); r != nil && (r.record() != text || len(text) > 128) {
			t.Errorf("%q is read as %q", text, r.record())
		}
	})
}
