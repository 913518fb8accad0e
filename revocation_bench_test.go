package hotsock

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/token"
)

// BenchmarkRevocations checks a token while so many are remembered, of others: what it
// costs besides the signature, and with it.
func BenchmarkRevocations(b *testing.B) {
	for _, n := range []int{0, 1, maxRevocations} {
		h := &Handler{opts: Options{Keys: []Key{tokenHS256.Key()}}}
		h.revoker = newRevoker(h)
		for i := range n {
			h.revoker.known.add(&revocation{revocationName: newRevocationName(revokedUser, fmt.Sprint(i)), before: time.Now().UnixMicro(), until: time.Now().Unix() + 3600})
		}
		id := tokenIdentity{"jim", "session", time.Now()}
		b.Run(fmt.Sprintf("%d/check", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if h.revoker.known.of(id) != nil {
					b.Fatal("it is revoked")
				}
			}
		})
		v, err := permission.NewVerifier(token.VerifierOptions{Keys: h.opts.Keys}, 1024)
		if err != nil {
			b.Fatal(err)
		}
		v.Revoked = h.revoker.refuses
		text := tokenSign(b, Claims{UID: "jim", ID: "session", IssuedAt: time.Now(), Expires: time.Now().Add(time.Hour)}, tokenHS256)
		b.Run(fmt.Sprintf("%d/verify", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.VerifyConnect(b.Context(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
