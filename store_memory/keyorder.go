package storememory

import (
	"iter"
	"slices"
	"strings"
)

// A keyOrder has keys in byte order. It is a list of short lists: a change moves
// few others, however many there are.
type keyOrder struct {
	lists [][]string // None is empty.
}

// maxRun is how long one of the lists gets before it is split.
const maxRun = 256

// find returns the list in which a key is or would be, and its place there.
func (o *keyOrder) find(key string) (list, place int, found bool) {
	list, found = slices.BinarySearchFunc(o.lists, key, func(l []string, key string) int { return strings.Compare(l[0], key) })
	if found {
		return list, 0, true
	}
	if list = max(list-1, 0); list == len(o.lists) {
		return 0, 0, false // There are none.
	}
	place, found = slices.BinarySearch(o.lists[list], key)
	return list, place, found
}

// add adds a key that is not there.
func (o *keyOrder) add(key string) {
	if len(o.lists) == 0 {
		o.lists = [][]string{{key}}
		return
	}
	i, place, _ := o.find(key)
	l := slices.Insert(o.lists[i], place, key)
	o.lists[i] = l
	if len(l) > maxRun {
		o.lists[i] = slices.Clone(l[:maxRun/2])
		o.lists = slices.Insert(o.lists, i+1, slices.Clone(l[maxRun/2:]))
	}
}

func (o *keyOrder) remove(key string) {
	i, place, found := o.find(key)
	if !found {
		return
	}
	o.lists[i] = slices.Delete(o.lists[i], place, place+1)
	if len(o.lists[i]) == 0 {
		o.lists = slices.Delete(o.lists, i, i+1)
	}
}

// from returns the keys that are not before one.
func (o *keyOrder) from(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		i, place, _ := o.find(key)
		for ; i < len(o.lists); i, place = i+1, 0 {
			for _, k := range o.lists[i][place:] {
				if !yield(k) {
					return
				}
			}
		}
	}
}
