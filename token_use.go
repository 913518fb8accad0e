package hotsock

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/hotsock-go/hotsock/internal/permission"
)

// useToken spends a token that is good for one use, and refuses one that was
// used before. It is to be called last, when nothing else is in the way. If the
// store cannot be asked, the token may or may not be spent.
func (h *Handler) useToken(ctx context.Context, g *permission.Grant, used Code) error {
	if g == nil || g.SingleUse == nil {
		return nil
	}
	first, err := h.node.UseToken(ctx, g.SingleUse.Token, g.SingleUse.Until)
	if err != nil {
		return err
	}
	if !first {
		return refuse(used)
	}
	return nil
}

// tokenClaims returns the claims of a verified token, nil of "".
func tokenClaims(token string) []byte {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return claims
}
