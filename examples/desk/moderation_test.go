package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

type suspension struct {
	UID string `json:"uid"`
}

func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		kept := d.session("mia")
		d.Advance(time.Millisecond)
		refused(t, errNotStaff.Code, mia, "person.suspend", suspension{UID: "noah"})
		refused(t, errNotLead.Code, ada, "person.suspend", suspension{UID: "lea"})
		refused(t, errNoPerson.Code, ada, "person.suspend", suspension{UID: "eve"})
		call[nothing](t, ada, "person.suspend", suspension{UID: "mia"})
		d.Advance(time.Minute)
		online, err := d.Handler().Online(t.Context(), "mia")
		if err != nil || online["mia"] != 0 {
			t.Errorf("she has connections: %v, %v", online, err)
		}
		wantCode(t, "with the session from before", d.Refused(t, kept), hotsock.CodeUnauthorized)
		if _, err := d.db.signIn(t.Context(), "mia@example.com", demoPassword); err == nil {
			t.Error("she can sign in again")
		}
		// Should a session begin all the same, it leads nowhere.
		wantCode(t, "connecting", d.Refused(t, d.session("mia")), errSuspended.Code)
	})
}
