package protocoltest

import (
	"encoding/json"
	"strings"
)

// quoteBody returns a text as it stands between the quotes of JSON that this
// library writes, which escapes no more than it must.
func quoteBody(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings can always be encoded
	quoted := strings.TrimSuffix(b.String(), "\n")
	// These the encoder escapes in any case.
	quoted = strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(quoted)
	return quoted[1 : len(quoted)-1]
}
