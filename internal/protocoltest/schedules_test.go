package protocoltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// at is a schedule expression for so long after now, in UTC.
func at(d time.Duration) string {
	return time.Now().UTC().Add(d).Format("at(2006-01-02T15:04:05)")
}

const accepts = `{"room":{"subscribe":true,"messages":{"*":{"publish":true,"broadcast":true,"store":60,"scheduleBefore":9999999999},"loud":{"echo":true}},"storage":{"*":{"set":true,"observe":true,"store":60,"scheduleBefore":9999999999}}}}`

// Section 6: what is scheduled comes when it is due, whatever became of the
// sender, however it was sent.
func TestSchedules(t *testing.T) {
	inBubble(t, 2, nil, func(t *testing.T, e *env) {
		witness := e.connect(t, user("Pam", accepts))
		witness.Subscribe("room")
		c := e.connect(t, withUMD("Jim", `{"n":1}`, accepts))
		c.Subscribe("room")
		const jim = `{"uid":"Jim","umd":{"n":1}}`
		const ack = `{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$arn"},"ref":"r"}`
		schedule := func(n int) string { return fmt.Sprintf(`"scheduleExpression":%q`, at(time.Duration(n)*time.Minute)) }
		accepted := func(event string) string {
			return fmt.Sprintf(`{"channel":"room","event":%q,"scheduleArn":"$arn"}`, event)
		}
		form := regexp.MustCompile(`^arn:hotsock:scheduler:::schedule/[A-Za-z0-9_-]+/[0-9A-HJKMNP-TV-Z]{26}$`)
		for n, f := range []func(when string){
			func(s string) { c.do(`{"event":"e","channel":"room","data":0,`+s+`,"ref":"r"}`, ack) },
			func(s string) {
				c.do(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,`+s+`,"ref":"r"}`, ack)
			},
			func(s string) {
				c.call(t, "publishMessage", `{"event":"e","channel":"room","data":2,`+s+`}`).want(t, 202, accepted("e"))
			},
			func(s string) {
				c.call(t, "channelStorageSet", `{"channel":"room","key":"k","data":3,`+s+`}`).want(t, 202, accepted("hotsock.channelStorageSet"))
			},
			func(s string) {
				e.server(t, "POST", "/publish", `{"event":"e","channel":"room","data":4,`+s+`}`).want(t, 202, accepted("e"))
			},
			func(s string) {
				e.server(t, "POST", "/publish", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":5,`+s+`}`).want(t, 202, accepted("hotsock.channelStorageSet"))
			},
			func(string) {
				p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: 6, At: time.Now().Add(7 * time.Minute)})
				e.set("arn", p.ScheduleARN)
				if p.ID != "" {
					t.Errorf("a schedule has the id %q", p.ID)
				}
			},
			func(string) {
				ctx, cancel := e.context()
				defer cancel()
				p, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "k", Data: 7, At: time.Now().Add(8 * time.Minute)})
				if err != nil {
					t.Fatal(err)
				}
				e.set("arn", p.ScheduleARN)
			},
		} {
			e.forget("arn")
			f(schedule(n + 1))
			if !form.MatchString(e.get("arn")) {
				t.Errorf("the ARN is %q", e.get("arn"))
			}
		}
		// The sender leaves, with a changed look.
		c.do(umdUpdate("room", token(t, `{"scope":"umd","uid":"Jim","umd":2,"channels":{"room":{"umdUpdate":true}}}`)), umdAck("room"))
		c.Close()
		start := time.Now()
		for n, want := range []string{
			`{"id":"$_","event":"e","channel":"room","data":0,"meta":` + jim + `}`,
			stored("room", "k", "1", jim),
			`{"id":"$_","event":"e","channel":"room","data":2,"meta":` + jim + `}`,
			stored("room", "k", "3", jim),
			`{"id":"$_","event":"e","channel":"room","data":4}`,
			stored("room", "k", "5", noMeta),
			`{"id":"$_","event":"e","channel":"room","data":6}`,
			stored("room", "k", "7", noMeta),
		} {
			witness.expect(want)
			due := time.Duration(n+1) * time.Minute
			if d := time.Since(start); d < due || d > due+time.Second {
				t.Errorf("schedule %d came after %v", n, d)
			}
		}
		e.quiet(t, "room", witness)
		// Kept from when it came, as the permissions at accept time say.
		time.Sleep(time.Second)
		e.server(t, "GET", "/channels/room/storage", "").want(t, 200, `{"items":[{"key":"k","data":7,"meta":`+noMeta+`}]}`)
	})
}

// In Go, unlike over the wire, what is due already is scheduled and carried out at
// once: an app that is late needs no other call.
func TestScheduledTooLate(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", accepts))
		c.Subscribe("room")
		if p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: 1, At: time.Now().Add(-time.Hour)}); p.ScheduleARN == "" || p.ID != "" {
			t.Errorf("got %+v", p)
		}
		start := time.Now()
		c.expect(`{"id":"$_","event":"e","channel":"room","data":1}`)
		if d := time.Since(start); d > time.Second {
			t.Errorf("it came after %v", d)
		}
	})
}

// The sender without echo gets no copy of what it scheduled either, and with
// echo it does.
func TestScheduleEcho(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", accepts))
		c.Subscribe("room")
		for _, event := range []string{"quiet", "loud"} {
			c.send(fmt.Sprintf(`{"event":%q,"channel":"room","scheduleExpression":%q}`, event, at(time.Minute)))
		}
		c.ExpectNothing()
		c.expect(`{"id":"$_","event":"loud","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
		e.quiet(t, "room", c)
	})
}

// What is accepted for a schedule and what is not.
func TestScheduleExpressions(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	limit := time.Now().Add(30 * 24 * time.Hour)
	for _, tt := range []struct{ why, expression, zone, code string }{
		{"in an hour", soon.UTC().Format("at(2006-01-02T15:04:05)"), "", ""},
		{"in UTC by name", soon.UTC().Format("at(2006-01-02T15:04:05)"), "UTC", ""},
		{"in a zone", soon.UTC().Add(24 * time.Hour).Format("at(2006-01-02T15:04:05)"), "America/New_York", ""},
		{"an hour ago", soon.UTC().Add(-2 * time.Hour).Format("at(2006-01-02T15:04:05)"), "", "INVALID_SCHEDULE_EXPRESSION"},
		{"an hour ago by another clock", soon.UTC().Format("at(2006-01-02T15:04:05)"), "Asia/Tokyo", "INVALID_SCHEDULE_EXPRESSION"},
		{"not at()", soon.UTC().Format("2006-01-02T15:04:05"), "", "INVALID_SCHEDULE_EXPRESSION"},
		{"a rate", "rate(5 minutes)", "", "INVALID_SCHEDULE_EXPRESSION"},
		{"a day that does not exist", "at(2199-02-30T00:00:00)", "", "INVALID_SCHEDULE_EXPRESSION"},
		{"with a zone in it", "at(2199-02-20T00:00:00Z)", "", "INVALID_SCHEDULE_EXPRESSION"},
		{"an unknown zone", soon.UTC().Format("at(2006-01-02T15:04:05)"), "Mars/Olympus", "INVALID_SCHEDULE_EXPRESSION"},
		{"a zone that is a path", soon.UTC().Format("at(2006-01-02T15:04:05)"), "../../etc/passwd", "INVALID_SCHEDULE_EXPRESSION"},
		{"the server's own zone", soon.UTC().Format("at(2006-01-02T15:04:05)"), "Local", "INVALID_SCHEDULE_EXPRESSION"},
		{"later than permitted", limit.UTC().Add(time.Hour).Format("at(2006-01-02T15:04:05)"), "", "SCHEDULE_PERMISSION_DENIED"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				before := fmt.Sprintf(`"scheduleBefore":%d`, limit.Unix())
				c := e.connect(t, user("Jim", `{"room":{"messages":{"e":{"broadcast":true,`+before+`}},"storage":{"k":{"set":true,`+before+`}}}}`))
				body := fmt.Sprintf(`{"channel":"room","event":"e","key":"k","data":1,"scheduleExpression":%q,"scheduleExpressionTimezone":%q}`, tt.expression, tt.zone)
				command := strings.TrimSuffix(body, "}") + `,"ref":"r"}`
				storage := strings.Replace(command, `"event":"e"`, `"event":"hotsock.channelStorageSet"`, 1)
				if tt.code == "" {
					const ack = `{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$_"},"ref":"r"}`
					c.do(command, ack)
					c.do(storage, ack)
					c.call(t, "publishMessage", body).want(t, 202, `{"channel":"room","event":"e","scheduleArn":"$_"}`)
					c.call(t, "channelStorageSet", body).want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet","scheduleArn":"$_"}`)
					e.server(t, "POST", "/publish", body).want(t, 202, `{"channel":"room","event":"e","scheduleArn":"$_"}`)
					return
				}
				status := statuses[tt.code]
				fail := strings.TrimSuffix(failure("room", tt.code), "}") + `,"ref":"r"}`
				c.do(command, fail)
				c.do(storage, fail)
				c.call(t, "publishMessage", body).wantError(t, status, tt.code)
				c.call(t, "channelStorageSet", body).wantError(t, status, tt.code)
				if tt.code != "SCHEDULE_PERMISSION_DENIED" {
					e.server(t, "POST", "/publish", body).wantError(t, status, tt.code)
				}
			})
		})
	}
}

// Who made a schedule can cancel it, from any of their connections; the host
// can list, move and cancel all.
func TestCancelSchedule(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		jim := e.connect(t, user("Jim", accepts))
		phone := e.connect(t, user("Jim", `{}`))
		pam := e.connect(t, user("Pam", accepts))
		nobody := e.connect(t, user("", accepts))
		alsoNobody := e.connect(t, user("", accepts))
		schedule := func(c *client) string {
			t.Helper()
			e.forget("arn")
			c.call(t, "publishMessage", `{"channel":"room","event":"e","data":1,"scheduleExpression":"at(2199-01-01T00:00:00)"}`).
				want(t, 202, `{"channel":"room","event":"e","scheduleArn":"$arn"}`)
			return e.get("arn")
		}
		arn := schedule(jim)
		pam.call(t, "cancelSchedule", `{"scheduleArn":"$arn"}`).wantError(t, 404, "SCHEDULE_NOT_FOUND")
		nobody.call(t, "cancelSchedule", `{"scheduleArn":"$arn"}`).wantError(t, 404, "SCHEDULE_NOT_FOUND")
		list, err := e.anyNode().Schedules(ctx, hotsock.ScheduleQuery{Channel: "room"})
		if err != nil || len(list.Items) != 1 || list.Items[0].ARN != arn || list.Items[0].Event != "e" || string(list.Items[0].Data) != "1" ||
			list.Items[0].UID != "Jim" || list.Items[0].ConnectionID != jim.ID || !list.Items[0].Due.Equal(time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("Schedules = %+v, %v", list, err)
		}
		phone.call(t, "cancelSchedule", `{"scheduleArn":"$arn"}`).want(t, 200, `{}`)
		phone.call(t, "cancelSchedule", `{"scheduleArn":"$arn"}`).wantError(t, 404, "SCHEDULE_NOT_FOUND")
		schedule(nobody)
		alsoNobody.call(t, "cancelSchedule", `{"scheduleArn":"$arn"}`).wantError(t, 404, "SCHEDULE_NOT_FOUND")
		nobody.call(t, "cancelSchedule", `{"scheduleArn":"$arn"}`).want(t, 200, `{}`)

		arn = schedule(pam)
		pam.Subscribe("room")
		jim.Subscribe("room")
		if err := e.anyNode().MoveSchedule(ctx, arn, time.Now()); err != nil {
			t.Fatal(err)
		}
		jim.expect(`{"id":"$_","event":"e","channel":"room","data":1,"meta":{"uid":"Pam","umd":null}}`)
		for _, err := range []error{e.anyNode().CancelSchedule(ctx, arn), e.anyNode().MoveSchedule(ctx, arn, time.Now()), e.anyNode().CancelSchedule(ctx, "x")} {
			if !errors.Is(err, &hotsock.Error{Code: hotsock.CodeScheduleNotFound}) {
				t.Errorf("got %v", err)
			}
		}
		e.quiet(t, "room", pam, jim)
		arn = schedule(pam)
		if err := e.anyNode().CancelSchedule(ctx, arn); err != nil {
			t.Error(err)
		}
		if list, err := e.anyNode().Schedules(ctx, hotsock.ScheduleQuery{}); err != nil || len(list.Items) != 0 {
			t.Errorf("Schedules = %+v, %v", list, err)
		}
	})
}

// A cancel that succeeds means that it never fires, and one that does not,
// that it fires once.
func TestCancelRacesFire(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		c.Subscribe("room")
		ctx, cancel := e.context()
		defer cancel()
		want := make(map[int]bool)
		const rounds = 40
		for n := range rounds {
			p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: n, At: time.Now().Add(time.Duration(n%10) * time.Millisecond)})
			await.Pass(time.Duration(n*7%10)*time.Millisecond, "until shortly before or after it is due")
			err := e.anyNode().CancelSchedule(ctx, p.ScheduleARN)
			switch {
			case errors.Is(err, &hotsock.Error{Code: hotsock.CodeScheduleNotFound}):
				want[n] = true
			case err != nil:
				t.Fatal(err)
			}
		}
		fired := make(map[int]int)
		for _, frame := range c.until(e.mark(t, "room")) {
			n := 0
			_, data, _ := strings.Cut(frame, `"data":`)
			if _, err := fmt.Sscanf(data, "%d", &n); err != nil {
				t.Fatalf("%s: %v", frame, err)
			}
			fired[n]++
		}
		for n := range rounds {
			if got := fired[n]; got > 1 || (got == 1) != want[n] {
				t.Errorf("schedule %d fired %d times, cancelled: %t", n, got, !want[n])
			}
		}
		t.Logf("%d of %d fired", len(fired), rounds)
	})
}

// A client is told of what it has scheduled itself, from any of its user's connections,
// so that a page that is loaded again still shows it.
func TestListSchedules(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const may = `{"room":{"alias":"lounge","subscribe":true,"messages":{"e":{"publish":true,"broadcast":true,"scheduleBefore":9999999999}},` +
			`"storage":{"k":{"set":true,"scheduleBefore":9999999999}}}}`
		jim, phone, pam, nobody := e.connect(t, user("Jim", may)), e.connect(t, user("Jim", may)), e.connect(t, user("Pam", may)), e.connect(t, user("", may))
		year := 2100
		schedule := func(c *client, data string) {
			t.Helper()
			year++
			c.call(t, "publishMessage", fmt.Sprintf(`{"channel":"lounge","event":"e","data":%s,"scheduleExpression":"at(%d-01-01T00:00:00)"}`, data, year)).
				want(t, 202, `{"channel":"lounge","event":"e","scheduleArn":"$_"}`)
		}
		schedule(jim, "1")
		schedule(pam, "2")
		schedule(phone, "3")
		schedule(nobody, "4")
		jim.call(t, "channelStorageSet", `{"channel":"room","key":"k","data":5,"scheduleExpression":"at(2198-01-01T00:00:00)"}`)
		one := func(channel, rest string, year int) string {
			return fmt.Sprintf(`{"scheduleArn":"$_","due":"%d-01-01T00:00:00Z","channel":%q,%s}`, year, channel, rest)
		}
		of := func(channel string) string {
			return `{"schedules":[` + one(channel, `"event":"e","data":1`, 2101) + "," + one(channel, `"event":"e","data":3`, 2103) + "," +
				one(channel, `"event":"hotsock.channelStorageSet","key":"k","data":5`, 2198) + `]}`
		}
		jim.call(t, "listSchedules", `{"channel":"lounge"}`).want(t, 200, of("lounge"))
		phone.call(t, "listSchedules", `{"channel":"room"}`).want(t, 200, of("room"))
		nobody.call(t, "listSchedules", `{"channel":"room"}`).want(t, 200, `{"schedules":[`+one("room", `"event":"e","data":4`, 2104)+`]}`)
		e.connect(t, user("", may)).call(t, "listSchedules", `{"channel":"room"}`).want(t, 200, `{"schedules":[]}`)
		jim.call(t, "listSchedules", `{"channel":"another"}`).want(t, 200, `{"schedules":[]}`)
	})
}

// A client's own schedules are found among many of others, a bounded number of which
// one request looks through.
func TestListSchedulesAmongMany(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim := e.connect(t, user("Jim", accepts))
		for _, year := range []int{2140, 2160} {
			jim.call(t, "publishMessage", fmt.Sprintf(`{"channel":"room","event":"e","scheduleExpression":"at(%d-01-01T00:00:00)"}`, year)).
				want(t, 202, `{"channel":"room","event":"e","scheduleArn":"$_"}`)
		}
		batch := make([]hotsock.Message, 2000)
		for i := range batch {
			batch[i] = hotsock.Message{Channel: "room", Event: "e", At: time.Date(2150, 1, 1, 0, 0, i, 0, time.UTC)}
		}
		var adding sync.WaitGroup
		for part := range slices.Chunk(batch, 250) { // each of which is added one after another
			adding.Go(func() {
				ctx, cancel := e.context()
				defer cancel()
				if _, err := e.anyNode().PublishBatch(ctx, part); err != nil {
					t.Error(err)
				}
			})
		}
		adding.Wait()
		var found, pages int
		for after := ""; ; pages++ {
			a := jim.call(t, "listSchedules", fmt.Sprintf(`{"channel":"room","after":%q}`, after))
			var page struct {
				Schedules []struct{ Due time.Time }
				Next      string
			}
			if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != 200 {
				t.Fatalf("%d %s: %v", a.status, a.body, err)
			}
			found += len(page.Schedules)
			if after = page.Next; after == "" {
				break
			}
		}
		if found != 2 || pages != 2 {
			t.Errorf("found %d in %d pages that had a next one, want 2 in 2", found, pages)
		}
	})
}
