// Package at reads schedule expressions: at(2025-07-24T14:30:00), which names
// a day and time as a clock on the wall of some time zone shows it. Seconds may
// be left out, as browsers' date and time inputs do.
package at

import (
	"errors"
	"regexp"
	"time"
)

// Errors of [Parse]. It returns them as they are, and their texts are safe to
// be sent to clients.
var (
	// ErrSyntax says that the expression is not of the right form, or that
	// there is no such day or time of day in any zone.
	ErrSyntax = errors.New(`"scheduleExpression" must be at(yyyy-mm-ddThh:mm:ss), with a date that exists; the seconds may be left out`)
	// ErrZone says that the time zone is not known by that name.
	ErrZone = errors.New(`"scheduleExpressionTimezone" must be the IANA name of a time zone`)
	// ErrNoZones says that the program has no time zone database, neither the
	// system's nor that of package time/tzdata.
	ErrNoZones = errors.New(`"scheduleExpressionTimezone" must be UTC: this server has no time zone database`)
	// ErrYear says that the year has not four digits. Programs write such a year if people
	// choose it.
	ErrYear = errors.New("the time must be in the years 1970 to 2261")
	// ErrPast says that the time has passed. People read this text: they have chosen
	// the time, and some program has made an expression of it.
	ErrPast = errors.New("the scheduled time has passed")
)

// Parse returns the instant that the expression means in the zone of that IANA
// name, in UTC; "" is UTC. The second in which now falls is not yet past.
//
// Where clocks are set forward, a time that they leave out means what it would
// if they had not been: 02:30 in a gap from 02:00 to 03:00 is 03:30. Where
// they are set back, a time that they show twice means the first.
func Parse(expr, zone string, now time.Time) (time.Time, error) {
	wall, ok := parseWall(expr)
	switch {
	case !ok && longYear.MatchString(expr):
		return time.Time{}, ErrYear
	case !ok:
		return time.Time{}, ErrSyntax
	}
	loc, err := zones.get(zone)
	if err != nil {
		return time.Time{}, err
	}
	t := instant(wall, loc)
	if t.Unix() < now.Unix() {
		return time.Time{}, ErrPast
	}
	return t, nil
}

// longYear matches what JavaScript and Go write of years that have more than four digits,
// or are before the first one.
var longYear = regexp.MustCompile(`^at\([+-]?[0-9]{5,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?\)$`)

// parseWall returns what the expression says as if it were UTC.
func parseWall(expr string) (time.Time, bool) {
	form := "at(0000-00-00T00:00:00)"
	const short = "at(0000-00-00T00:00)"
	if len(expr) == len(short) {
		form = short
	}
	if len(expr) != len(form) {
		return time.Time{}, false
	}
	var fields [6]int // year to second
	field := -1
	for i := range len(form) {
		if form[i] != '0' {
			if expr[i] != form[i] {
				return time.Time{}, false
			}
			continue
		}
		if form[i-1] != '0' {
			field++
		}
		digit := expr[i] - '0'
		if digit > 9 {
			return time.Time{}, false
		}
		fields[field] = 10*fields[field] + int(digit)
	}
	year, month, day, hour, minute, second := fields[0], time.Month(fields[1]), fields[2], fields[3], fields[4], fields[5]
	wall := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	// Date turns June 31st into July 1st and so on: then something differs.
	y, mo, d := wall.Date()
	h, mi, s := wall.Clock()
	same := y == year && mo == month && d == day && h == hour && mi == minute && s == second
	return wall, same
}

// farthest is more than any clock has ever been off UTC.
const farthest = 26 * time.Hour

// instant returns when clocks in loc show the wall time. time.Date does not
// say which of two instants it chooses, nor what it makes of none.
func instant(wall time.Time, loc *time.Location) time.Time {
	var before time.Time // what wall means by the offset before a gap
	for at := wall.Add(-farthest); !at.After(wall.Add(farthest)); {
		_, offset := at.In(loc).Zone()
		start, end := at.In(loc).ZoneBounds()
		t := wall.Add(-time.Duration(offset) * time.Second)
		switch {
		case !end.IsZero() && !t.Before(end):
			before = t
		case start.IsZero() || !t.Before(start):
			return t
		}
		if end.IsZero() {
			break
		}
		at = end
	}
	return before
}
