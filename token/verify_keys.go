package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// checkSignature tries the host's keys, and then those that it looks up.
func (v *Verifier) checkSignature(ctx context.Context, h *header, text string, signature []byte) error {
	if algorithms[h.algorithm] == nil {
		return invalid("unsupported algorithm")
	}
	fits := false
	verifies := func(k Key) bool {
		fits = fits || k.fits(h)
		return k.fits(h) && k.signed(text, signature)
	}
	for i, k := range v.o.Keys {
		if !k.fits(h) {
			continue
		}
		fits = true
		if v.verifies(i, text, signature) {
			return nil
		}
	}
	for v.o.KeyLookup != nil {
		keys, err := v.lookUp(ctx, h)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrKeyLookup, err)
		}
		if slices.ContainsFunc(keys, verifies) {
			return nil
		}
		if LookupRepeated(ctx) || !slices.ContainsFunc(keys, func(k Key) bool { return k.fits(h) }) {
			break
		}
		ctx = context.WithValue(ctx, repeated{}, true) //nolint:fatcontext // once
	}
	if !fits {
		// Whoever rotates keys must know which one is missing.
		return invalid("there is no %s key for the kid %.64q", h.algorithm, h.id)
	}
	return invalid("no key verifies the %s signature", h.algorithm)
}

// verifies reports whether one of the host's keys signed the text.
func (v *Verifier) verifies(key int, text string, signature []byte) bool {
	if v.macs[key] == nil {
		return v.o.Keys[key].signed(text, signature)
	}
	m := v.macs[key].Get().(*mac)
	defer v.macs[key].Put(m)
	return m.verifies(text, signature)
}

// repeated is the key of LookupRepeated.
type repeated struct{}

// LookupRepeated tells a [VerifierOptions.KeyLookup] whether it is called once
// more for a token because none of the keys that it returned has signed it. Others
// with the same id may have replaced them since they were fetched. A lookup that
// cannot find more returns none.
func LookupRepeated(ctx context.Context) bool { return ctx.Value(repeated{}) != nil }

// lookUp asks the host for keys.
func (v *Verifier) lookUp(ctx context.Context, h *header) (keys []Key, err error) {
	err = errors.New("KeyLookup has ended its goroutine")
	done := make(chan struct{})
	go func() { // so that it is not the caller's, whom others wait for
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				keys, err = nil, fmt.Errorf("panic: %v", p)
			}
		}()
		keys, err = v.o.KeyLookup(ctx, h.id, string(h.algorithm.canonical()))
	}()
	<-done
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
