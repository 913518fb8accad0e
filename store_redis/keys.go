package storeredis

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// partitions is how many hash tags there are. All nodes must agree on it: it
// can never change.
const partitions = 256

// A keyspace makes the names of keys and topics; nothing else does. No name
// contains bytes of a user: a channel is there by its digest, and its hash tag
// is that of its partition.
type keyspace struct {
	prefix string
	// topics is put into the name of every topic: a server keeps the keys of its
	// databases apart, and not their topics. It is "" for database 0.
	topics string
	// part is the beginning of all keys of each partition, with its hash tag.
	part [partitions]string
}

func newKeyspace(prefix string, database int) (keyspace, error) {
	k := keyspace{prefix: prefix}
	if database != 0 {
		k.topics = strconv.Itoa(database)
	}
	if strings.ContainsAny(prefix, "{}") {
		return k, errors.New("storeredis: KeyPrefix contains a brace")
	}
	for i := range k.part {
		k.part[i] = fmt.Sprintf("%s{p%02x}:", prefix, i)
	}
	return k, nil
}

// control is the topic on which nodes tell each other things: that of one node, or
// of all for "".
func (k *keyspace) control(node string) string { return k.prefix + "bus" + k.topics + ":" + node }

// nothing is a key that never exists.
func (k *keyspace) nothing(p int) string { return k.part[p] + "nothing" }

func (k *keyspace) leases(p int) string            { return k.part[p] + "leases" }
func (k *keyspace) owned(p int, inc string) string { return k.part[p] + "owned:" + inc }
func (k *keyspace) conns(p int, inc string) string { return k.part[p] + "conns:" + inc }

// firing is where the nodes are that fire schedules, with the leases of the first
// partition.
func (k *keyspace) firing() string { return k.part[0] + "firing" }

// format is the newest in which anything was written.
func (k *keyspace) format() string { return k.part[home] + "format" }

func (k *keyspace) dueChannels(p int) string    { return k.part[p] + "visits" }
func (k *keyspace) expired(p int) string        { return k.part[p] + "expired" }
func (k *keyspace) lingering(p int) string      { return k.part[p] + "lingering" }
func (k *keyspace) schedules(p int) string      { return k.part[p] + "schedules" }
func (k *keyspace) scheduleBodies(p int) string { return k.part[p] + "schedule-bodies" }

// probe is the topic on which a node hears itself.
func (k *keyspace) probe(p int, node string) string {
	return k.part[p] + "probe" + k.topics + ":" + node
}

// byPartition groups topics by their hash tag.
func (k *keyspace) byPartition(topics []string) map[string][]string {
	groups := make(map[string][]string)
	for _, t := range topics {
		tag := t[:strings.IndexByte(t, '}')+1]
		groups[tag] = append(groups[tag], t)
	}
	return groups
}

// ops is the record of operations that began in one bucket of time.
func (k *keyspace) ops(p int, bucket int64) string {
	return k.part[p] + "ops:" + strconv.FormatInt(bucket, 36)
}

// token is the key of a used token, and its partition.
func (k *keyspace) token(token string) (p int, key string) {
	p, digest := digest("token", token)
	return p, k.part[p] + "token:" + digest.String()
}

// partOf is the partition of a channel.
func partOf(channel string) int {
	p, _ := digest("channel", channel)
	return p
}

func digest(kind, name string) (p int, text digestText) {
	var scratch [320]byte
	sum := sha256.Sum256(append(append(append(scratch[:0], kind...), 0), name...))
	base64.RawURLEncoding.Encode(text[:], sum[:16])
	return int(sum[31]), text
}

// A digestText is a digest in base64. It is no string, so that making the names
// of keys allocates nothing else.
type digestText [22]byte

func (d *digestText) String() string { return string(d[:]) }
