package at_test

import (
	"errors"
	"testing"
	"time"
	_ "time/tzdata" // the tests need real zones on every machine

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/at"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// longAgo makes nothing be in the past.
var longAgo = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	tests := []struct {
		why  string
		expr string
		zone string
		want string
	}{
		{"no zone is UTC", "at(2025-07-24T14:30:00)", "", "2025-07-24T14:30:00Z"},
		{"UTC by name", "at(2025-07-24T14:30:00)", "UTC", "2025-07-24T14:30:00Z"},
		{"without seconds, as a browser's input writes it", "at(2025-07-24T14:30)", "", "2025-07-24T14:30:00Z"},
		{"without seconds in a zone", "at(2025-07-24T09:05)", "America/New_York", "2025-07-24T13:05:00Z"},
		{"summer time", "at(2025-07-24T09:00:00)", "America/New_York", "2025-07-24T13:00:00Z"},
		{"winter time", "at(2025-12-25T09:00:00)", "America/New_York", "2025-12-25T14:00:00Z"},
		{"east of UTC, the day before", "at(2025-07-24T05:00:00)", "Asia/Tokyo", "2025-07-23T20:00:00Z"},
		{"a zone with a quarter of an hour", "at(2025-07-24T05:45:00)", "Asia/Kathmandu", "2025-07-24T00:00:00Z"},
		{"a zone of three parts", "at(2025-07-24T00:00:00)", "America/Argentina/Buenos_Aires", "2025-07-24T03:00:00Z"},
		{"a name with a sign, which POSIX reverses", "at(2025-07-24T00:00:00)", "Etc/GMT+5", "2025-07-24T05:00:00Z"},
		{"the last second of a day", "at(2025-12-31T23:59:59)", "", "2025-12-31T23:59:59Z"},
		{"the last second that can be written", "at(9999-12-31T23:59:59)", "", "9999-12-31T23:59:59Z"},
		{"far in the future, by the rule of the zone", "at(2800-07-01T12:00:00)", "Europe/Berlin", "2800-07-01T10:00:00Z"},
		{"February 29th of a leap year", "at(2028-02-29T00:00:00)", "", "2028-02-29T00:00:00Z"},
		{"February 29th of a leap year of 400", "at(2400-02-29T00:00:00)", "", "2400-02-29T00:00:00Z"},

		{"just before a gap", "at(2025-03-09T01:59:59)", "America/New_York", "2025-03-09T06:59:59Z"},
		{"the first second of a gap becomes the end", "at(2025-03-09T02:00:00)", "America/New_York", "2025-03-09T07:00:00Z"},
		{"within a gap, moved by an hour", "at(2025-03-09T02:30:00)", "America/New_York", "2025-03-09T07:30:00Z"},
		{"the last second of a gap", "at(2025-03-09T02:59:59)", "America/New_York", "2025-03-09T07:59:59Z"},
		{"just after a gap, so the same as its first second", "at(2025-03-09T03:00:00)", "America/New_York", "2025-03-09T07:00:00Z"},
		{"a gap east of UTC", "at(2025-03-30T02:30:00)", "Europe/Berlin", "2025-03-30T01:30:00Z"},
		{"a gap at midnight", "at(2025-04-25T00:30:00)", "Africa/Cairo", "2025-04-24T22:30:00Z"},
		{"a gap of half an hour", "at(2025-10-05T02:15:00)", "Australia/Lord_Howe", "2025-10-04T15:45:00Z"},
		{"a gap of two hours", "at(2025-03-30T02:00:00)", "Antarctica/Troll", "2025-03-30T02:00:00Z"},
		{"a day that Samoa left out, moved by a day", "at(2011-12-30T12:00:00)", "Pacific/Apia", "2011-12-30T22:00:00Z"},
		{"its first second", "at(2011-12-30T00:00:00)", "Pacific/Apia", "2011-12-30T10:00:00Z"},
		{"its last second", "at(2011-12-30T23:59:59)", "Pacific/Apia", "2011-12-31T09:59:59Z"},
		{"the second before it", "at(2011-12-29T23:59:59)", "Pacific/Apia", "2011-12-30T09:59:59Z"},
		{"the second after it", "at(2011-12-31T00:00:00)", "Pacific/Apia", "2011-12-30T10:00:00Z"},

		{"just before an overlap", "at(2025-11-02T00:59:59)", "America/New_York", "2025-11-02T04:59:59Z"},
		{"an overlap is taken the first time", "at(2025-11-02T01:30:00)", "America/New_York", "2025-11-02T05:30:00Z"},
		{"the last second of an overlap, the first time", "at(2025-11-02T01:59:59)", "America/New_York", "2025-11-02T05:59:59Z"},
		{"just after an overlap", "at(2025-11-02T02:00:00)", "America/New_York", "2025-11-02T07:00:00Z"},
		{"an overlap east of UTC", "at(2025-10-26T02:30:00)", "Europe/Berlin", "2025-10-26T00:30:00Z"},
		{"an overlap of half an hour", "at(2025-04-06T01:45:00)", "Australia/Lord_Howe", "2025-04-05T14:45:00Z"},
		{"just before that", "at(2025-04-06T01:29:59)", "Australia/Lord_Howe", "2025-04-05T14:29:59Z"},
		{"winter time that is called summer time", "at(2025-10-26T01:30:00)", "Europe/Dublin", "2025-10-26T00:30:00Z"},
		{"a day that Alaska had twice", "at(1867-10-18T12:00:00)", "America/Juneau", "1867-10-17T20:57:41Z"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := at.Parse(tt.expr, tt.zone, longAgo)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.Format(time.RFC3339); s != tt.want {
				t.Errorf("Parse(%q, %q) = %s, want %s", tt.expr, tt.zone, s, tt.want)
			}
		})
	}
}

func TestParseSyntax(t *testing.T) {
	tests := []struct{ why, expr string }{
		{"empty", ""},
		{"a bare time", "2025-07-24T14:30:00"},
		{"another kind of expression", "rate(5 minutes)"},
		{"cron", "cron(0 12 * * ? *)"},
		{"not closed", "at(2025-07-24T14:30:00"},
		{"something after it", "at(2025-07-24T14:30:00) "},
		{"something before it", " at(2025-07-24T14:30:00)"},
		{"upper case", "AT(2025-07-24T14:30:00)"},
		{"lower case t", "at(2025-07-24t14:30:00)"},
		{"a space for T", "at(2025-07-24 14:30:00)"},
		{"a zone", "at(2025-07-24T14:30:00Z)"},
		{"no minutes", "at(2025-07-24T14)"},
		{"no seconds, but their colon", "at(2025-07-24T14:30:)"},
		{"one digit of seconds", "at(2025-07-24T14:30:0)"},
		{"no seconds, not closed", "at(2025-07-24T14:30:"},
		{"a fraction", "at(2025-07-24T14:30:00.5)"},
		{"one digit, with a fraction to make up for it", "at(2025-07-24T9:00:00.0)"},
		{"a sign for a digit", "at(+025-07-24T14:30:00)"},
		{"a space for a digit", "at(2025-07-24T 4:30:00)"},
		{"digits of another script", "at(2025-07-24T14:30:0\u0663)"},
		{"just below the digits", "at(202/-07-24T14:30:00)"},
		{"just above the digits", "at(202:-07-24T14:30:00)"},
		{"slashes", "at(2025/07/24T14:30:00)"},
		{"month 0", "at(2025-00-24T14:30:00)"},
		{"month 13", "at(2025-13-24T14:30:00)"},
		{"day 0", "at(2025-07-00T14:30:00)"},
		{"July has 31 days", "at(2025-07-32T14:30:00)"},
		{"June has 30 days", "at(2025-06-31T14:30:00)"},
		{"no leap year", "at(2025-02-29T14:30:00)"},
		{"no leap year either", "at(2100-02-29T14:30:00)"},
		{"hour 24", "at(2025-07-24T24:00:00)"},
		{"minute 60", "at(2025-07-24T14:60:00)"},
		{"a leap second", "at(2016-12-31T23:59:60)"},
		{"all nines", "at(9999-99-99T99:99:99)"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got, err := at.Parse(tt.expr, "", longAgo); !errors.Is(err, at.ErrSyntax) {
				t.Errorf("Parse(%q) = %v, %v, want %v", tt.expr, got, err, at.ErrSyntax)
			}
		})
	}
}

// Programs write years of more than four digits, and of before the first one, in their
// own ways. Whoever chose such a time is told of the time, not of the expression.
func TestParseLongYears(t *testing.T) {
	for why, expr := range map[string]string{
		"JavaScript, cut to nineteen characters": "at(+012027-07-24T09:00)",
		"JavaScript, whole":                      "at(+012027-07-24T09:00:00)",
		"JavaScript, before Christ":              "at(-000044-03-15T12:00)",
		"Go":                                     "at(12027-07-24T09:00:00)",
	} {
		if _, err := at.Parse(expr, "", longAgo); !errors.Is(err, at.ErrYear) {
			t.Errorf("%s, %s: %v", why, expr, err)
		}
	}
}

func TestParsePast(t *testing.T) {
	const zone = "Asia/Tokyo"
	const expr = "at(2025-07-24T05:00:00)" // 2025-07-23T20:00:00Z
	due := time.Date(2025, 7, 23, 20, 0, 0, 0, time.UTC)
	tests := []struct {
		why  string
		now  time.Time
		want error
	}{
		{"a second ahead", due.Add(-time.Second), nil},
		{"now", due, nil},
		{"the second has not ended", due.Add(time.Second - 1), nil},
		{"it has", due.Add(time.Second), at.ErrPast},
		{"years ago", due.AddDate(7, 0, 0), at.ErrPast},
		{"the zone of now does not matter", due.In(time.FixedZone("", -11*3600)), nil},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := at.Parse(expr, zone, tt.now)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if err == nil && !got.Equal(due) {
				t.Errorf("got %v, want %v", got, due)
			}
		})
	}
}

func TestParseOrderOfErrors(t *testing.T) {
	// A client that has several things wrong is told of them in the order in
	// which it can do something about them.
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := at.Parse("at(1999-02-30T00:00:00)", "Nowhere", now); !errors.Is(err, at.ErrSyntax) {
		t.Errorf("bad syntax, zone and time: %v", err)
	}
	if _, err := at.Parse("at(1999-02-28T00:00:00)", "Nowhere", now); !errors.Is(err, at.ErrZone) {
		t.Errorf("bad zone and time: %v", err)
	}
}
