// Package at reads schedule expressions: at(2025-07-24T14:30:00), in a time
// zone.
package at

import (
	"errors"
	"time"
)

// Errors of [Parse]. Their texts are safe to be sent to clients.
var (
	// ErrSyntax says that the expression is not of the form
	// at(yyyy-mm-ddThh:mm:ss), or that there is no such day or time of day.
	ErrSyntax = errors.New("scheduleExpression must be at(yyyy-mm-ddThh:mm:ss) with an existing date and time")
	// ErrZone says that the time zone is not an IANA name, or that this host
	// does not know it.
	ErrZone = errors.New("scheduleExpressionTimezone must be the IANA name of a time zone")
	// ErrPast says that the time has passed.
	ErrPast = errors.New("scheduleExpression must not be in the past")
)

// Parse returns the instant that the expression means in the time zone.
func Parse(expr, zone string, now time.Time) (time.Time, error) {
	return time.Time{}, ErrSyntax
}
