package token

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

func TestTokenKeyID(t *testing.T) {
	secret := func(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }
	key := func(id string, n byte) Key { return Key{Algorithm: HS256, ID: id, Secret: secret(n)} }
	for _, test := range []struct {
		kid  string
		by   byte // whose secret signed
		keys []Key
		want bool
		why  string
	}{
		{"", 1, []Key{key("", 1)}, true, "neither has an id"},
		{"a", 1, []Key{key("", 1)}, true, "a key without id takes any kid"},
		{"a", 1, []Key{key("a", 1)}, true, "the same"},
		{"b", 1, []Key{key("a", 1)}, false, "another"},
		{"", 1, []Key{key("a", 1)}, false, "none"},
		{"A", 1, []Key{key("a", 1)}, false, "case counts"},
		{"b", 2, []Key{key("a", 1), key("b", 2)}, true, "rotation, by id"},
		{"a", 2, []Key{key("a", 1), key("b", 2)}, false, "the other's id"},
		{"", 2, []Key{key("", 1), key("", 2)}, true, "rotation, without ids"},
		{"a", 2, []Key{key("a", 1), key("a", 2)}, true, "two keys with one id are both tried"},
		{"", 3, []Key{key("", 1), key("", 2)}, false, "a key taken out of rotation"},
		{"", 1, nil, false, "no keys"},
	} {
		token := tokenSign(t, Claims{}, SigningKey{Algorithm: HS256, ID: test.kid, Secret: secret(test.by)})
		_, err := tokenVerifier(t, VerifierOptions{Keys: test.keys}).Verify(t.Context(), token, ScopeConnect)
		if (err == nil) != test.want {
			t.Errorf("kid %q, keys %v: error %v: %s", test.kid, test.keys, err, test.why)
		}
	}
}

func TestTokenKeyLookup(t *testing.T) {
	broken := errors.New("broken")
	good := Key{Algorithm: HS256, ID: "a", Secret: tokenSecret}
	signer := SigningKey{Algorithm: HS256, ID: "a", Secret: tokenSecret}
	for _, test := range []struct {
		name   string
		static []Key
		lookup func() ([]Key, error)
		want   error
		calls  int
	}{
		{"found", nil, func() ([]Key, error) { return []Key{good}, nil }, nil, 1},
		{"found after a static key failed", []Key{{Algorithm: HS256, Secret: otherSecret}}, func() ([]Key, error) { return []Key{good}, nil }, nil, 1},
		{"not needed", []Key{good}, func() ([]Key, error) { return nil, broken }, nil, 0},
		{"no such key", nil, func() ([]Key, error) { return nil, nil }, ErrInvalid, 1},
		{"another key", nil, func() ([]Key, error) { return []Key{{Algorithm: HS256, Secret: otherSecret}}, nil }, ErrInvalid, 2},
		{"another id", nil, func() ([]Key, error) { return []Key{{Algorithm: HS256, ID: "b", Secret: tokenSecret}}, nil }, ErrInvalid, 1},
		{"another algorithm", nil, func() ([]Key, error) { return []Key{{Algorithm: HS512, Secret: tokenSecret}}, nil }, ErrInvalid, 1},
		{"fails", nil, func() ([]Key, error) { return nil, broken }, broken, 1},
		{"fails, as keys are not to blame", nil, func() ([]Key, error) { return nil, broken }, ErrKeyLookup, 1},
		{"returns a bad key", nil, func() ([]Key, error) { return []Key{{Algorithm: HS256}}, nil }, ErrKeyLookup, 1},
		{"ends its goroutine, as a test does that fails", nil, func() ([]Key, error) { runtime.Goexit(); return nil, nil }, ErrKeyLookup, 1},
		{"panics", nil, func() ([]Key, error) { panic("oh") }, ErrKeyLookup, 1},
	} {
		calls := 0
		v := tokenVerifier(t, VerifierOptions{Keys: test.static, KeyLookup: func(ctx context.Context, id, algorithm string) ([]Key, error) {
			calls++
			if again := LookupRepeated(ctx); id != "a" || algorithm != "HS256" || again != (calls > 1) {
				t.Errorf("%s: call %d with %q, %q, repeated %t", test.name, calls, id, algorithm, again)
			}
			return test.lookup()
		}})
		_, err := v.Verify(t.Context(), tokenSign(t, Claims{}, signer), ScopeConnect)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, err, test.want)
		}
		if errors.Is(err, ErrInvalid) && errors.Is(err, ErrKeyLookup) {
			t.Errorf("%s: both invalid and unknown: %v", test.name, err)
		}
		if calls != test.calls {
			t.Errorf("%s: %d calls, want %d", test.name, calls, test.calls)
		}
	}
}

// A key may have been replaced by another one with the same id.
func TestTokenKeyIsReplaced(t *testing.T) {
	v := tokenVerifier(t, VerifierOptions{KeyLookup: func(ctx context.Context, _, _ string) ([]Key, error) {
		if LookupRepeated(ctx) {
			return []Key{tokenHS256.Key()}, nil
		}
		return []Key{{Algorithm: HS256, Secret: otherSecret}}, nil
	}})
	if _, err := v.Verify(t.Context(), tokenSign(t, Claims{}, tokenHS256), ScopeConnect); err != nil {
		t.Error(err)
	}
}

// Whoever rotates keys reads in the log whether the key is missing or wrong.
func TestTokenTellsAMissingKeyFromAWrongOne(t *testing.T) {
	known := Key{Algorithm: HS256, ID: "now", Secret: otherSecret}
	found := func(context.Context, string, string) ([]Key, error) { return []Key{known}, nil }
	for _, test := range []struct {
		config VerifierOptions
		kid    string
		want   string
		why    string
	}{
		{VerifierOptions{Keys: []Key{known}}, "now", "no key verifies the HS256 signature", "the key is another one"},
		{VerifierOptions{KeyLookup: found}, "now", "no key verifies the HS256 signature", "so is the one that was looked up"},
		{VerifierOptions{Keys: []Key{known}}, "next", `there is no HS256 key for the kid "next"`, "not added yet"},
		{VerifierOptions{KeyLookup: found}, "next", `there is no HS256 key for the kid "next"`, "not in the JWKS yet"},
		{VerifierOptions{Keys: []Key{known}}, "", `there is no HS256 key for the kid ""`, "a token without a kid"},
		{VerifierOptions{Keys: []Key{known}}, "a\n" + strings.Repeat("x", 99), `there is no HS256 key for the kid "a\n` + strings.Repeat("x", 62) + `"`, "whatever a stranger puts there"},
	} {
		signer := SigningKey{Algorithm: HS256, ID: test.kid, Secret: tokenSecret}
		_, err := tokenVerifier(t, test.config).Verify(t.Context(), tokenSign(t, Claims{}, signer), ScopeConnect)
		tokenCheckError(t, test.why, err, test.want)
	}
}

func TestTokenKeyLookupIsNotAskedForNonsense(t *testing.T) {
	v := tokenVerifier(t, VerifierOptions{KeyLookup: func(context.Context, string, string) ([]Key, error) {
		t.Error("called")
		return nil, nil
	}})
	for _, token := range []string{
		"", "..", "a.b.c", tokenRaw(`{"alg":"none"}`, `{}`), tokenRaw(`{"alg":"HS257"}`, `{}`), tokenRaw(`{`, `{}`),
		tokenRaw(`{"alg":"HS256"}`, strings.Repeat("x", protocol.MaxToken)),
	} {
		if _, err := v.Verify(t.Context(), token, ScopeConnect); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.40q: %v", token, err)
		}
	}
}
