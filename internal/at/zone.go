package at

import (
	"strings"
	"sync"
	"time"
)

// maxZones is how many zones are remembered: all that there are, which is some
// 600 names, unless the file system makes more by ignoring case.
const maxZones = 1000

// zones are the time zones of this program. They are read once; a newer
// database takes effect with the next start.
var zones = cache{load: time.LoadLocation}

// A cache remembers time zones by name, because loading one reads files.
// Names that do not exist are not remembered: there is no end of them.
type cache struct {
	load func(name string) (*time.Location, error)

	mu    sync.RWMutex
	known map[string]*time.Location
}

func (c *cache) get(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	c.mu.RLock()
	loc := c.known[name]
	c.mu.RUnlock()
	if loc != nil {
		return loc, nil
	}
	if !validName(name) {
		return nil, ErrZone
	}
	loc, err := c.load(name)
	if err != nil {
		if _, err := c.load("Etc/UTC"); err != nil { // which every database has
			return nil, ErrNoZones
		}
		return nil, ErrZone
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[string]*time.Location)
	}
	if len(c.known) < maxZones {
		c.known[name] = loc
	}
	return loc, nil
}

// validName reports whether name looks like the name of a zone: the database
// is a directory that has other files too, and it must not be left.
func validName(name string) bool {
	const maxName = 64 // the longest has 32
	if len(name) > maxName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || !letter(part[0]) {
			return false
		}
		for _, c := range []byte(part) {
			if !letter(c) && (c < '0' || c > '9') && c != '_' && c != '+' && c != '-' {
				return false
			}
		}
	}
	// Lower case, because a file system may ignore case.
	switch first, _, _ := strings.Cut(strings.ToLower(name), "/"); first {
	case "local", "localtime", "posixrules": // what this host is set to
		return false
	case "posix", "right": // copies, without leap seconds and with them
		return false
	}
	return true
}

func letter(c byte) bool { return 'A' <= c&^0x20 && c&^0x20 <= 'Z' }
