package webhook

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func base64Of(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

func TestParseKey(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	mixed := append(bytes.Clone(private[:32]), make([]byte, 32)...)
	for _, tt := range []struct {
		text string
		ok   bool
		why  string
	}{
		{secret, true, "of the specification"},
		{NewSecret(), true, "ours"},
		{"whsec_" + base64Of(64), true, "as long as it may be"},
		{"whsec_" + base64Of(23), false, "too short"},
		{"whsec_" + base64Of(65), false, "too long"},
		{"whsec_", false, "empty"},
		{base64Of(24), false, "without a prefix"},
		{"whsec_" + strings.TrimRight(base64Of(32), "="), false, "without padding"},
		{"whsec_ä", false, "not base64"},
		{"whsk_" + base64Of(32), true, "a seed"},
		{"whsk_" + base64.StdEncoding.EncodeToString(private), true, "a private key"},
		{"whsk_" + base64.StdEncoding.EncodeToString(mixed), false, "the halves of two keys"},
		{"whsk_" + base64Of(31), false, "a short seed"},
		{"whpk_" + base64.StdEncoding.EncodeToString(private[32:]), true, "a public key"},
		{"whpk_" + base64Of(33), false, "a long public key"},
		{"", false, "nothing"},
	} {
		k, err := ParseKey(tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%s: err = %v", tt.why, err)
		}
		if err != nil && len(tt.text) > 6 && strings.Contains(err.Error(), tt.text[6:]) {
			t.Errorf("%s: the error shows it: %v", tt.why, err)
		}
		if err == nil && k.signs() == strings.HasPrefix(tt.text, "whpk_") {
			t.Errorf("%s: signs is %v", tt.why, k.signs())
		}
	}
}

// Nothing that prints shows a secret.
func TestKeyIsNotShown(t *testing.T) {
	k := key(t, secret)
	e := Endpoint{URL: "https://x", Keys: []Key{k}}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", k, "endpoint", e)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "key", k, "endpoint", e)
	j, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(j) + fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v", k, k, k, k, k, k, k, e, &e)
	raw, _ := base64.StdEncoding.DecodeString(secret[6:])
	for _, s := range []string{secret[6:], string(raw), fmt.Sprintf("%x", raw), strings.Trim(fmt.Sprint(raw), "[]")} {
		if strings.Contains(shown, s) {
			t.Errorf("%q is in %s", s, shown)
		}
	}
}

// headers signs as the sink does.
func headers(id string, at time.Time, body string, keys ...Key) http.Header {
	var signatures []string
	for _, k := range keys {
		signatures = append(signatures, k.sign(signedContent(id, at.Unix(), []byte(body))))
	}
	h := make(http.Header)
	h.Set(headerID, id)
	h.Set(headerTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(headerSignature, strings.Join(signatures, " "))
	return h
}

// What the library of Standard Webhooks signs is accepted, and what is signed
// here is accepted by it.
func TestOracle(t *testing.T) {
	oracle, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	k, other := key(t, secret), key(t, NewSecret())
	for _, body := range []string{`{"a":1}`, ``, "\x00\xff.", strings.Repeat("x", 1<<20)} {
		now := time.Now()
		if err := oracle.Verify([]byte(body), headers("01J", now, body, other, k)); err != nil {
			t.Errorf("the library refuses what was signed here: %v", err)
		}
		signature, err := oracle.Sign("01J", now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		h := headers("01J", now, body)
		h.Set(headerSignature, signature)
		if err := Verify(h, []byte(body), other, k); err != nil {
			t.Errorf("what the library signed is refused: %v", err)
		}
	}
}

func TestVerify(t *testing.T) {
	now := time.Now()
	one, two := key(t, secret), key(t, NewSecret())
	private := key(t, "whsk_"+base64Of(32))
	public := key(t, "whpk_"+base64.StdEncoding.EncodeToString(private.public))
	const body = `{"a":1}`
	set := func(name, value string) http.Header {
		h := headers("id", now, body, one)
		h.Set(name, value)
		return h
	}
	without := func(name string) http.Header {
		h := headers("id", now, body, one)
		h.Del(name)
		return h
	}
	right := headers("id", now, body, one).Get(headerSignature)
	many := strings.Repeat("v1,AAAA ", maxSignatures)
	for _, tt := range []struct {
		h    http.Header
		body string
		keys []Key
		want error
		why  string
	}{
		{headers("id", now, body, one), body, []Key{one}, nil, "right"},
		{headers("id", now, body, one, two), body, []Key{two}, nil, "the second signature"},
		{headers("id", now, body, one), body, []Key{two, one}, nil, "the second key"},
		{headers("id", now, body, private), body, []Key{public}, nil, "Ed25519"},
		{headers("id", now, body, private), body, []Key{private}, nil, "Ed25519, with the private key"},
		{set(headerSignature, "v9,AAAA "+right), body, []Key{one}, nil, "after a version of later"},
		{headers("id", now.Add(-299*time.Second), body, one), body, []Key{one}, nil, "old, but not too old"},

		{headers("id", now, body, one), body, []Key{two}, ErrSignature, "another key"},
		{headers("id", now, body, one), body, nil, ErrSignature, "no key"},
		{headers("id", now, body, one), body, []Key{{}}, ErrSignature, "the zero key"},
		{headers("id", now, body, one), body + " ", []Key{one}, ErrSignature, "another body"},
		{set(headerID, "other"), body, []Key{one}, ErrSignature, "another id"},
		{set(headerTimestamp, strconv.FormatInt(now.Unix()-1, 10)), body, []Key{one}, ErrSignature, "another time"},
		{set(headerSignature, strings.Replace(right, "v1,", "v1a,", 1)), body, []Key{one, public}, ErrSignature, "of another version"},
		{set(headerSignature, many+right), body, []Key{one}, ErrSignature, "too many signatures"},
		{set(headerSignature, "v1"), body, []Key{one}, ErrSignature, "no comma"},
		{set(headerSignature, "v1,"), body, []Key{one, public}, ErrSignature, "empty"},
		{headers("id", now.Add(-302*time.Second), body, one), body, []Key{one}, ErrTimestamp, "too old"},
		{headers("id", now.Add(302*time.Second), body, one), body, []Key{one}, ErrTimestamp, "too new"},
		{set(headerTimestamp, "9223372036854775807"), body, []Key{one}, ErrTimestamp, "a time that overflows"},
		{set(headerTimestamp, "-9223372036854775808"), body, []Key{one}, ErrTimestamp, "and another"},
		{set(headerTimestamp, "now"), body, []Key{one}, ErrHeaders, "not a time"},
		{without(headerTimestamp), body, []Key{one}, ErrHeaders, "no time"},
		{without(headerID), body, []Key{one}, ErrHeaders, "no id"},
		{without(headerSignature), body, []Key{one}, ErrHeaders, "no signature"},
	} {
		if err := Verify(tt.h, []byte(tt.body), tt.keys...); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
}

// A key from a file has a line end after it.
func TestParseKeyIgnoresSpaceAround(t *testing.T) {
	if !reflect.DeepEqual(key(t, " "+secret+"\r\n"), key(t, secret)) {
		t.Error("the key is another one")
	}
}
