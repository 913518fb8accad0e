package wire

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// fewReactions are compared with each other. With more of them a map is
// quicker, and an attacker may have made many.
const fewReactions = 32

// A place is the index of a reaction, and that of the first one which is the
// same.
type place struct{ first, index int }

// appendTallies appends an object with a member for each different reaction,
// in the order in which these first came: how many, and who if expand is true.
func appendTallies(b []byte, reactions []store.Reaction, expand bool) []byte {
	var few [fewReactions]place
	places := appendPlaces(few[:0], reactions)
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.index, b.index))
	})

	b = append(b, '{')
	for len(places) > 0 {
		first, n := places[0].first, 1
		for n < len(places) && places[n].first == first {
			n++
		}
		b = appendString(b, reactions[first].Reaction)
		b = append(b, `:{"count":`...)
		b = strconv.AppendInt(b, int64(n), 10)
		if expand {
			b = append(b, `,"items":[`...)
			for _, p := range places[:n] {
				b = append(b, '{')
				b = appendReactor(b, reactions[p.index])
				b = append(b, '}', ',')
			}
			b[len(b)-1] = ']' // in the place of the last comma
		}
		b = append(b, '}', ',')
		places = places[n:]
	}
	if len(reactions) == 0 {
		return append(b, '}')
	}
	b[len(b)-1] = '}'
	return b
}

func appendPlaces(places []place, reactions []store.Reaction) []place {
	if len(reactions) <= fewReactions {
		for i, r := range reactions {
			first := slices.IndexFunc(reactions[:i+1], func(s store.Reaction) bool { return s.Reaction == r.Reaction })
			places = append(places, place{first, i})
		}
		return places
	}
	places = slices.Grow(places, len(reactions))
	firsts := make(map[string]int)
	for i, r := range reactions {
		first, seen := firsts[r.Reaction]
		if !seen {
			first = i
			firsts[r.Reaction] = i
		}
		places = append(places, place{first, i})
	}
	return places
}
