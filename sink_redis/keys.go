package sinkredis

import (
	"fmt"
	"strings"
)

// keys are what an installation uses, all in one slot of a cluster.
type keys struct {
	stream string
	// tagged is the beginning of the other keys.
	tagged string
}

func newKeys(stream string) (keys, error) {
	if stream == "" {
		stream = "hotsock:events"
	}
	switch {
	case hasTag(stream):
		return keys{stream: stream, tagged: stream}, nil
	case strings.ContainsAny(stream, "{}"):
		return keys{}, fmt.Errorf("sinkredis: the stream %q has braces, but no hash tag", stream)
	default:
		// The slot of a key is that of its hash tag, so this one's is the
		// stream's.
		return keys{stream: stream, tagged: "{" + stream + "}"}, nil
	}
}

// hasTag reports whether a part of the key alone decides on its slot.
func hasTag(key string) bool {
	_, after, ok := strings.Cut(key, "{")
	return ok && strings.Index(after, "}") > 0
}

// writer is where a sink's last number is kept.
func (k keys) writer(id string) string { return k.tagged + ":writer:" + id }

// dead is the stream of the events that were given up.
func (k keys) dead() string { return k.tagged + ":dead" }
