package wire

import "time"

var (
	eraseTime = time.Date(2030, 7, 24, 13, 0, 0, 500e6, time.UTC)
	erasures  = []Erasure{
		{ID: idC.String(), Target: "channel", Channel: "my-channel", AcceptedAt: eraseTime, Until: idA.String(), Erased: 1204, Done: true},
		{ID: idC.String(), Target: "user", Channel: "my-channel", UID: "Jim", AcceptedAt: eraseTime, Until: idA.String(), Erased: 250},
		{ID: idC.String(), Target: "storage", Channel: "my-channel", Prefix: "draft.jim.", AcceptedAt: eraseTime},
	}
)
