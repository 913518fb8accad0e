package wire

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// appendTally appends an object with a member for each different reaction: how
// many there are, and with expand who made those that the tally has.
func appendTally(b []byte, t store.Tally, expand bool) []byte {
	b = append(b, '{')
	var few [fewReactions]store.Reaction
	var made []store.Reaction
	if expand {
		made = appendByCount(few[:0], t)
	}
	for i, c := range t.Counts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, c.Reaction)
		b = append(b, `:{"count":`...)
		b = strconv.AppendInt(b, int64(c.Count), 10)
		if expand {
			b = append(b, `,"items":[`...)
			for first := true; len(made) > 0 && made[0].Reaction == c.Reaction; made = made[1:] {
				if !first {
					b = append(b, ',')
				}
				first = false
				b = append(b, '{')
				b = appendReactor(b, made[0])
				b = append(b, '}')
			}
			b = append(b, ']')
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// fewReactions take no memory from the heap.
const fewReactions = 16

// appendByCount appends the reactions of a tally in the order of its counts. An
// attacker may have made many of both.
func appendByCount(made []store.Reaction, t store.Tally) []store.Reaction {
	at := make(map[string]int, len(t.Counts))
	for i, c := range t.Counts {
		at[c.Reaction] = i
	}
	made = append(made, t.Reactions...)
	slices.SortStableFunc(made, func(a, b store.Reaction) int {
		return cmp.Compare(at[a.Reaction], at[b.Reaction])
	})
	return made
}
