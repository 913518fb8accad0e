package hotsock

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// apiKeys are the keys of the server's HTTP API.
type apiKeys struct {
	hashes  [][sha256.Size]byte
	check   func(ctx context.Context, key string) (bool, error) // Options.CheckAPIKey
	timeout time.Duration                                       // of check
}

func newAPIKeys(o *Options) apiKeys {
	k := apiKeys{check: o.CheckAPIKey, timeout: o.StoreTimeout}
	for _, key := range o.APIKeys {
		k.hashes = append(k.hashes, sha256.Sum256([]byte(key)))
	}
	return k
}

// errCheckAPIKey says nothing of the store.
var errCheckAPIKey = errors.New("Options.CheckAPIKey failed")

// any reports whether a key can be one: else there is no such API.
func (k *apiKeys) any() bool { return len(k.hashes) > 0 || k.check != nil }

// authorize returns why a request is refused, or nil.
func (k *apiKeys) authorize(r *http.Request) error {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	if !strings.EqualFold(scheme, "Bearer") {
		return refuse(CodeUnauthorized)
	}
	if k.listed(key) {
		return nil
	}
	if k.check == nil || key == "" || len(key) > maxAPIKey {
		return refuse(CodeUnauthorized)
	}
	ctx := newLazyTimeout(r.Context(), k.timeout)
	defer ctx.end()
	ok, err := k.check(ctx, key)
	switch {
	case err != nil:
		return unavailable(fmt.Errorf("%w: %w", errCheckAPIKey, err))
	case !ok:
		return refuse(CodeUnauthorized)
	}
	return nil
}

// listed compares in constant time.
func (k *apiKeys) listed(key string) bool {
	hash := sha256.Sum256([]byte(key))
	found := 0
	for i := range k.hashes {
		found |= subtle.ConstantTimeCompare(k.hashes[i][:], hash[:])
	}
	return found == 1
}
