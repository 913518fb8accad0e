package doctest

import (
	"regexp"
	"strings"
	"testing"
)

// TestRedisKeys holds the table of keys in Redis to the code, so that an operator finds
// each.
func TestRedisKeys(t *testing.T) {
	// Nobody ever sees them: one is never written, the other is a topic.
	hidden := map[string]bool{"nothing": true, "probe": true}
	var documented strings.Builder
	for _, row := range rows(t, read(t, "docs/redis.md"), "| key | type | what | lives |") {
		documented.WriteString(row[0] + " ")
	}
	name := regexp.MustCompile(`(?:k\.part\[[^\]]*\] \+ |c\.name\()"([a-z-]+:?)"`)
	found := 0
	for _, file := range []string{"store_redis/keys.go", "store_redis/keys_channel.go"} {
		for _, m := range name.FindAllStringSubmatch(read(t, file), -1) {
			found++
			// A name may have more behind it: after a colon, a digest or an id.
			key := regexp.MustCompile("`" + m[1] + "(?:`|[A-Za-z])")
			if !hidden[m[1]] && !key.MatchString(documented.String()) {
				t.Errorf("%s: %s is in no row", file, m[1])
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d keys were found", found)
	}
}
