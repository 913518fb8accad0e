package hotsock

import (
	"context"
	"errors"
	"slices"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/store"
)

// A keyScan goes through the keys of a channel's storage that are permitted, in
// their order. Names that a token spells out are not looked up; what patterns
// can match is, between the first and the last key that they can match, and only
// so much of it. A scan reads no entry.
type keyScan struct {
	reader  *storeReader
	channel string
	ranges  []pattern.Range // what is left, as from pattern.Union
	after   string          // nothing up to here is wanted
	// permitted is nil if all are.
	permitted func(key string) bool
	left      int  // keys that may still be looked at
	long      bool // there are more than these
}

// errLongScan ends a scan that would look at more keys than a request may.
var errLongScan = errors.New("hotsock: too many storage keys to look through")

func (sr *storeReader) scan(channel string, ranges []pattern.Range, permitted func(key string) bool) *keyScan {
	return &keyScan{reader: sr, channel: channel, ranges: pattern.Union(ranges), permitted: permitted, left: maxScan}
}

// next returns some of the keys that follow, and none at the end.
func (s *keyScan) next(ctx context.Context) ([]string, error) {
	for s.long || len(s.ranges) > 0 {
		if s.long {
			return nil, errLongScan
		}
		keys, err := s.read(ctx, min(scanPage, s.left+1))
		if err != nil {
			return nil, err
		}
		if len(keys) > s.left {
			keys, s.long = keys[:s.left], true
		}
		s.left -= len(keys)
		if s.permitted != nil {
			keys = slices.DeleteFunc(keys, func(key string) bool { return !s.permitted(key) })
		}
		if len(keys) > 0 {
			return keys, nil
		}
	}
	return nil, nil
}

// read returns the next keys, permitted or not.
func (s *keyScan) read(ctx context.Context, limit int) ([]string, error) {
	var names []string
	for len(s.ranges) > 0 && !s.ranges[0].Prefix && len(names) < limit {
		if name := s.ranges[0].Name; name > s.after {
			names = append(names, name)
		}
		s.ranges = s.ranges[1:]
	}
	if len(names) > 0 || len(s.ranges) == 0 {
		return names, nil
	}
	limited := newLazyTimeout(ctx, s.reader.timeout)
	defer limited.end()
	page, err := s.reader.node.Keys(limited, store.KeysRequest{
		Channel: s.channel, Prefix: s.ranges[0].Name, After: s.after, Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	if page.More {
		s.after = page.Keys[len(page.Keys)-1]
	} else {
		s.ranges = s.ranges[1:]
	}
	return page.Keys, nil
}

// entries reads the entries of keys piece by piece, each in the time of an
// operation, and yields each of them until it is told to stop.
func (sr *storeReader) entries(ctx context.Context, channel string, keys []string, yield func(*store.Entry) bool) error {
	for len(keys) > 0 {
		page, err := sr.readEntries(ctx, store.EntriesRequest{Channel: channel, Keys: keys, MaxBytes: entryPage})
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if !yield(e) {
				return nil
			}
		}
		keys = page.Rest
	}
	return nil
}

// observed returns the storage entries that a subscriber is shown who knows of none. If
// they are more than limit bytes, or too many keys must be looked through to
// find them, that is an error.
func (sr *storeReader) observed(ctx context.Context, s *subscription, limit int) ([]*store.Entry, error) {
	return sr.observedSince(ctx, s, nil, limit)
}

// observedSince leaves out what was observed already with the permissions before.
func (sr *storeReader) observedSince(ctx context.Context, s *subscription, before *permission.Channel, limit int) ([]*store.Entry, error) {
	perms := s.perms()
	observes := func(c *permission.Channel, key string) bool {
		r := c.ResolveEntry(key)
		return r.Observe.Value == Allow
	}
	ranges := perms.KeyRanges(func(c *StorageClaims) bool { return c.Observe == Allow })
	scan := sr.scan(s.channel, ranges, func(key string) bool {
		return observes(perms, key) && (before == nil || !observes(before, key))
	})
	var shown []*store.Entry
	size := 0
	for {
		keys, err := scan.next(ctx)
		if errors.Is(err, errLongScan) {
			return nil, refuseBecause(CodePayloadTooLarge, "too much is stored on this channel to look for what may be observed")
		}
		if err != nil || len(keys) == 0 {
			return shown, err
		}
		err = sr.entries(ctx, s.channel, keys, func(e *store.Entry) bool {
			shown = append(shown, e)
			size += e.Size()
			return size <= limit
		})
		if err != nil {
			return nil, err
		}
		if size > limit {
			return nil, refuseBecause(CodePayloadTooLarge, "what is stored on this channel is too long to be observed")
		}
	}
}

// listEntries returns a page of the entries that a scan finds, and whether there
// may be more though the page is short.
func (sr *storeReader) listEntries(ctx context.Context, scan *keyScan, limit int) (page []*store.Entry, more bool, err error) {
	size := 0
	for {
		keys, err := scan.next(ctx)
		if errors.Is(err, errLongScan) {
			if len(page) > 0 {
				return page, true, nil
			}
			return nil, false, refuseBecause(CodePayloadTooLarge, "too much is stored on this channel to look for what may be read")
		}
		if err != nil || len(keys) == 0 {
			return page, false, err
		}
		full := false
		err = sr.entries(ctx, scan.channel, keys, func(e *store.Entry) bool {
			if size += e.Size(); len(page) > 0 && size > maxPageSize {
				full, more = true, true
				return false
			}
			page = append(page, e)
			full = len(page) == limit
			return !full
		})
		if err != nil || full {
			return page, more, err
		}
	}
}

// storagePage returns a page of all entries, or of those with the given keys.
func (sr *storeReader) storagePage(ctx context.Context, channel, after string, keys []string, limit int) (page []*store.Entry, more bool, err error) {
	ranges := []pattern.Range{{Prefix: true}}
	if len(keys) > 0 {
		ranges = namedRanges(keys)
	}
	scan := sr.scan(channel, ranges, nil)
	scan.after = after
	scan.left = max(scan.left, len(keys)) // which were named, not looked for
	return sr.listEntries(ctx, scan, limit)
}

// namedRanges returns the ranges of these names.
func namedRanges(keys []string) []pattern.Range {
	ranges := make([]pattern.Range, len(keys))
	for i, key := range keys {
		ranges[i].Name = key
	}
	return ranges
}
