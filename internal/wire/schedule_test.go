package wire

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

func TestScheduleCursor(t *testing.T) {
	for _, due := range []time.Time{
		due, due.Add(time.Nanosecond), due.In(time.FixedZone("", 3600)), time.Unix(0, 0), time.Date(2261, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		at, id, ok := ParseScheduleCursor(ScheduleCursor(due, idS))
		if !ok || !at.Equal(due) || id != idS {
			t.Errorf("%v became %v, %v, %v", due, at, id, ok)
		}
	}
	for _, cursor := range []string{
		"", "_", "x", ScheduleCursor(due, idS) + "x", "2030-07-24T13:00:00Z", "2030-07-24T13:00:00Z_", "_" + idS.String(),
		"2030-07-24T13:00:00+00:00_" + idS.String(), "2030-07-24T15:00:00+02:00_" + idS.String(),
		"2030-07-24T13:00:00.000Z_" + idS.String(), "2030-02-30T13:00:00Z_" + idS.String(),
		"2030-07-24T13:00:00Z_01k0wf560z91wtkmsc892s799w", "2030-07-24T13:00:00Z__" + idS.String(),
	} {
		if _, _, ok := ParseScheduleCursor(cursor); ok {
			t.Errorf("%q is a cursor", cursor)
		}
	}
}

// A page of full length may not be the last, one that is empty is.
func TestSchedulePageEnds(t *testing.T) {
	const next = `],"next":"2030-07-24T13:00:00.5Z_01K0WF560Z91WTKMSC892S799X"}`
	if got := string(AppendSchedulePage(nil, schedules, true, 1<<20)); got[len(got)-len(next):] != next {
		t.Errorf("it ends %s", got[len(got)-len(next):])
	}
	if got := string(AppendSchedulePage(nil, nil, false, 1<<20)); got != `{"schedules":[]}` {
		t.Error(got)
	}
	var zero ulid.ULID
	if _, id, ok := ParseScheduleCursor(ScheduleCursor(due, zero)); !ok || id != zero {
		t.Error("the zero id is no cursor")
	}
}

func TestAckOfEagerSchedule(t *testing.T) {
	got := AppendAck(nil, Ack{Channel: "c", ID: idA, ScheduleARN: arnS, Ref: "r"})
	want := `{"event":"hotsock.ack","channel":"c","data":{"id":"` + idA.String() + `","scheduleArn":"` + arnS + `"},"ref":"r"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
