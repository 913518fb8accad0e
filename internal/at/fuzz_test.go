package at_test

import (
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/at"
)

const (
	layout = "at(2006-01-02T15:04:05)"
	short  = "at(2006-01-02T15:04)"
)

// FuzzSyntax compares the parser with the standard library's, which accepts
// more, by writing what was read.
func FuzzSyntax(f *testing.F) {
	for _, s := range []string{
		"at(2025-07-24T14:30:00)", "at(2025-02-30T14:30:00)", "at(2025-07-24T9:00:00.0)", "at(0000-01-01T00:00:00)", "at(", "at(2025-07-24T14:30)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		form := layout
		if len(expr) == len(short) {
			form = short
		}
		want, wantErr := time.Parse(form, expr)
		valid := wantErr == nil && want.Format(form) == expr
		got, err := at.Parse(expr, "", longAgo)
		if valid != (err == nil) || valid && !got.Equal(want) {
			t.Errorf("Parse(%q) = %v, %v; the standard library says %v, %v", expr, got, err, want, wantErr)
		}
	})
}

// FuzzZones checks, for a time in a zone, the definition of what Parse
// returns, by looking at all offsets that clocks had around it.
func FuzzZones(f *testing.F) {
	zones := []string{
		"America/New_York", "Europe/Berlin", "Europe/Dublin", "Europe/Amsterdam", "Australia/Lord_Howe",
		"Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "Asia/Manila", "America/Juneau", "Antarctica/Troll",
		"Antarctica/Casey", "Africa/Casablanca", "Africa/Monrovia", "Africa/Cairo", "Asia/Gaza", "Asia/Kathmandu",
		"America/Caracas", "America/St_Johns", "Asia/Pyongyang",
	}
	for i, name := range zones {
		loc, err := time.LoadLocation(name)
		if err != nil {
			f.Fatal(err)
		}
		// Around each time the clocks were changed.
		for at := time.Unix(-1<<40, 0); at.Year() < 2040; {
			_, end := at.In(loc).ZoneBounds()
			if end.IsZero() {
				break
			}
			f.Add(uint8(i), end.Unix(), int32(-90*60))
			f.Add(uint8(i), end.Unix(), int32(30*60))
			f.Add(uint8(i), end.Unix(), int32(0))
			at = end
		}
	}
	f.Fuzz(func(t *testing.T, zone uint8, unix int64, shift int32) {
		name := zones[int(zone)%len(zones)]
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		local := time.Unix(unix, 0).In(loc)
		_, offset := local.Zone()
		wall := time.Unix(unix+int64(offset)+int64(shift), 0).UTC()
		if wall.Year() < 1 || wall.Year() > 9998 {
			return
		}
		expr := wall.Format(layout)
		got, err := at.Parse(expr, name, longAgo)
		if err != nil {
			t.Fatalf("Parse(%q, %q): %v", expr, name, err)
		}

		var first time.Time
		offsets := map[int]bool{}
		for u := wall.Add(-30 * time.Hour); u.Before(wall.Add(30 * time.Hour)); u = u.Add(15 * time.Minute) {
			_, offset := u.In(loc).Zone()
			if offsets[offset] {
				continue
			}
			offsets[offset] = true
			candidate := wall.Add(-time.Duration(offset) * time.Second)
			shown := candidate.In(loc).Format(layout) == expr
			if shown && (first.IsZero() || candidate.Before(first)) {
				first = candidate
			}
		}
		if !first.IsZero() {
			if !got.Equal(first) {
				t.Errorf("Parse(%q, %q) = %v, but clocks show that first at %v", expr, name, got, first)
			}
			return
		}

		// Nothing shows it: then it is as far after the gap's end as the time
		// named is after the gap's begin.
		end, _ := got.In(loc).ZoneBounds()
		_, offsetBefore := end.Add(-time.Second).In(loc).Zone()
		_, offsetAfter := end.In(loc).Zone()
		begin := end.UTC().Add(time.Duration(offsetBefore) * time.Second)
		afterGap := end.UTC().Add(time.Duration(offsetAfter) * time.Second)
		if wall.Before(begin) || !wall.Before(afterGap) || got.Sub(end) != wall.Sub(begin) {
			t.Errorf("Parse(%q, %q) = %v in a gap from %v to %v", expr, name, got, begin, afterGap)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := at.Parse("at(2025-07-24T09:00:00)", "America/New_York", now); err != nil {
			b.Fatal(err)
		}
	}
}
