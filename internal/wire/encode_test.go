package wire

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/store"
)

// encoded has, for each golden frame and answer, what writes it.
var encoded = merged(merged(encodedEdits, encodedAppends), map[string]func(b []byte) []byte{
	"frame-connected": func(b []byte) []byte {
		return AppendConnected(b, Connected{ConnectionID: "JCnTZd_KoAMCF-A=", Expires: expires, Secret: "1FfpK4PHV1B7ZryUSCsN"})
	},
	"frame-refreshed": func(b []byte) []byte { return AppendRefreshed(b, expires, jim, "14") },
	"frame-subscribed": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{Channel: "room.123", Members: appendAll})
	},
	"frame-subscribed-auto": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{Channel: "user.123", AutoSubscribed: true, CatchUp: true, LastID: idB})
	},
	"frame-subscribed-presence": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{Channel: "presence.chat", Members: appendAll, Meta: dwight})
	},
	"frame-subscribed-alias": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{Channel: "room.123", Alias: "room", Meta: jim})
	},
	"frame-subscribed-recovered": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{
			Channel: "room.123", CatchUp: true, LastID: idB, Recovered: RecoveryDone, Meta: jim, Ref: "7",
		})
	},
	"frame-subscribed-not-recovered": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{
			Channel: "room.123", CatchUp: true, LastID: idB, Recovered: RecoveryFailed, Meta: jim, Ref: "7",
		})
	},
	"frame-subscribed-rewound": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{
			Channel: "room.123", CatchUp: true, LastID: idB, Rewound: &Rewound{Messages: 2, More: true}, Meta: jim, Ref: "7",
		})
	},
	"frame-subscribed-not-recovered-rewound": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{
			Channel: "room.123", CatchUp: true, LastID: idB, Recovered: RecoveryFailed, Rewound: &Rewound{Messages: 1}, Meta: jim, Ref: "7",
		})
	},
	"frame-subscribed-last-id": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{Channel: "room.123", CatchUp: true, LastID: idA, Meta: jim})
	},
	"frame-result":               func(b []byte) []byte { return AppendResult(b, "", []byte(`{"order":17}`), "13") },
	"frame-result-channel":       func(b []byte) []byte { return AppendResult(b, "room.123", nil, "") },
	"frame-unsubscribed":         func(b []byte) []byte { return AppendUnsubscribed(b, "room.123", "", "", nobody, "") },
	"frame-unsubscribed-reason":  func(b []byte) []byte { return AppendUnsubscribed(b, "room.123", "", "You have left the team", jim, "") },
	"frame-unsubscribed-revoked": func(b []byte) []byte { return AppendUnsubscribed(b, "room.123", "", "Token revoked", jim, "") },
	"frame-unsubscribed-alias":   func(b []byte) []byte { return AppendUnsubscribed(b, "room.123", "room", "", jim, "") },
	"frame-message": func(b []byte) []byte {
		return AppendMessage(b, chat)
	},
	"frame-message-server": func(b []byte) []byte {
		return AppendMessage(b, &store.Message{ID: idA, Event: "news", Channel: "room.123"})
	},
	"frame-messageReactionAdded": func(b []byte) []byte {
		return AppendMessage(b, reactionNotice(idB, EventMessageReactionAdded, false))
	},
	"frame-messageReactionRemoved": func(b []byte) []byte {
		return AppendMessage(b, reactionNotice(idC, EventMessageReactionRemoved, true))
	},
	"frame-channelErased": func(b []byte) []byte {
		return AppendMessage(b, &store.Message{ID: idC, Event: EventChannelErased, Channel: "room.123"})
	},
	"answer-erasure": func(b []byte) []byte {
		return AppendErasure(b, &erasures[0])
	},
	"answer-erasure-user": func(b []byte) []byte {
		return AppendErasure(b, &erasures[1])
	},
	"answer-erasures": func(b []byte) []byte {
		return AppendErasurePage(b, erasures[1:], "")
	},
	"answer-erasures-next": func(b []byte) []byte {
		return AppendErasurePage(b, erasures[1:2], erasures[1].ID)
	},
	"frame-memberAdded": func(b []byte) []byte {
		return AppendPresence(b, "presence.chat", &store.PresenceChange{Kind: store.MemberAdded, Member: members[1]}, appendAll)
	},
	"frame-subscribed-more": func(b []byte) []byte {
		return AppendSubscribed(b, &Subscribed{Channel: "presence.chat", Members: appendFirst, More: true, Meta: dwight})
	},
	"frame-members": func(b []byte) []byte {
		return AppendMembersPage(b, "presence.chat", encodedMembers[1:], false)
	},
	"frame-channelInfo": func(b []byte) []byte { return AppendInfo(b, "room.123", 2) },
	"frame-membersChanged": func(b []byte) []byte {
		return AppendMembersChanged(b, &MembersChanged{
			Channel: "presence.chat", Removed: removedUIDs, Updated: encodedMembers[1:], Added: encodedMembers[:1], Count: 2,
		})
	},
	"frame-memberChanged": func(b []byte) []byte {
		return AppendMemberChanged(b, "presence.chat", &store.PresenceChange{Kind: store.MemberAdded, Member: members[1]})
	},
	"frame-memberUpdated": func(b []byte) []byte {
		return AppendPresence(b, "presence.chat", &store.PresenceChange{Kind: store.MemberUpdated, Member: members[1]}, appendAll)
	},
	"frame-memberRemoved": func(b []byte) []byte {
		return AppendPresence(b, "presence.chat", &store.PresenceChange{Kind: store.MemberRemoved, Member: members[1]}, appendFirst)
	},
	"frame-channelStorageUpdated": func(b []byte) []byte {
		return AppendStorageUpdated(b, &store.Entry{Channel: "room.123", Key: "settings", Value: theme, Meta: jim})
	},
	"frame-channelStorageUpdated-cleared": func(b []byte) []byte {
		return AppendStorageUpdated(b, &store.Entry{Channel: "room.123", Key: "settings"})
	},
	"frame-channelStorageData": func(b []byte) []byte {
		e := &store.Entry{Channel: "room.123", Key: "settings", Value: theme, Meta: jim}
		return AppendStorageData(b, "room.123", "settings", e, false, "")
	},
	"frame-channelStorageData-none": func(b []byte) []byte {
		return AppendStorageData(b, "room.123", "settings", nil, false, "")
	},
	"frame-channelStorageData-version": func(b []byte) []byte {
		return AppendStorageData(b, "room.123", "settings", &store.Entry{ID: idA, Key: "settings", Value: theme, Meta: jim}, true, "")
	},
	"frame-pong":      func(b []byte) []byte { return AppendPong(b, "") },
	"frame-keepAlive": AppendKeepAlive,
	"frame-ack": func(b []byte) []byte {
		return AppendAck(b, Ack{Channel: "room.123", Ref: "10"})
	},
	"frame-ack-publish": func(b []byte) []byte {
		return AppendAck(b, Ack{Channel: "room.123", ID: idA, Ref: "8"})
	},
	"frame-ack-duplicate": func(b []byte) []byte {
		return AppendAck(b, Ack{Channel: "room.123", ID: idA, Duplicate: true, Ref: "8"})
	},
	"frame-ack-schedule": func(b []byte) []byte {
		return AppendAck(b, Ack{Channel: "room.123", ScheduleARN: arnS, Ref: "9"})
	},
	"frame-ack-connection": func(b []byte) []byte {
		return AppendAck(b, Ack{Ref: "11"})
	},
	"frame-ack-version": func(b []byte) []byte {
		return AppendAck(b, Ack{Channel: "room.123", Written: Written{Entry: &store.Entry{ID: idB, Value: theme}}, Ref: "14"})
	},
	"frame-ack-sum": func(b []byte) []byte {
		e := &store.Entry{ID: idB, Value: []byte("17")}
		return AppendAck(b, Ack{Channel: "room.123", Written: Written{Entry: e, WithData: true}, Ref: "15"})
	},
	"frame-error-conflict": func(b []byte) []byte {
		return AppendError(b, "room.123", Failure{
			Code: "CONFLICT", Message: "somebody has changed it meanwhile",
			Current: &store.Entry{ID: idB, Key: "settings", Value: theme, Meta: jim},
		}, "14")
	},
	"frame-error": func(b []byte) []byte {
		return AppendError(b, "room.123", Failure{Code: "NOT_SUBSCRIBED", Message: "not subscribed to this channel"}, "")
	},
	"frame-error-ref": func(b []byte) []byte {
		return AppendError(b, "", Failure{Code: "UNKNOWN_EVENT", Message: "there is no such hotsock command"}, "12")
	},

	"answer-publishMessage": func(b []byte) []byte {
		return AppendAccepted(b, &Accepted{Channel: "my-channel", Event: "my-event"})
	},
	"answer-publishMessage-eager": func(b []byte) []byte {
		return AppendAccepted(b, &Accepted{Channel: "my-channel", Event: "my-event", ID: idA})
	},
	"answer-publishMessage-duplicate": func(b []byte) []byte {
		return AppendAccepted(b, &Accepted{Channel: "my-channel", Event: "my-event", ID: idA, Duplicate: true})
	},
	"answer-publishMessage-scheduled": func(b []byte) []byte {
		return AppendAccepted(b, &Accepted{Channel: "my-channel", Event: "reminder", ScheduleARN: arnS})
	},
	"answer-channelStorageSet": func(b []byte) []byte {
		return AppendAccepted(b, &Accepted{Channel: "mychannel", Event: EventChannelStorageSet})
	},
	"answer-channelStorageAdd": func(b []byte) []byte {
		e := &store.Entry{ID: idB, Value: []byte("17")}
		return AppendAccepted(b, &Accepted{Channel: "mychannel", Event: EventChannelStorageAdd, Written: Written{Entry: e, WithData: true}})
	},
	"answer-channelStorageSet-conflict": func(b []byte) []byte {
		return AppendHTTPError(b, Failure{Code: "CONFLICT", Message: "somebody has changed it meanwhile", Current: &store.Entry{}})
	},
	"answer-listMessages": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Messages: listed, Tallies: tallies, MaxBytes: 1 << 20})
	},
	"answer-listMessages-expanded": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Messages: listed, Tallies: tallies, Expand: true, MaxBytes: 1 << 20})
	},
	"answer-listMessages-empty": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Expand: true, MaxBytes: 1 << 20})
	},
	"answer-listMessages-more": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Messages: listed, Tallies: make([]store.Tally, 2), MaxBytes: 200})
	},
	"answer-listReactions": func(b []byte) []byte {
		return AppendReactionPage(b, store.ReactionsResult{Reactions: reacted})
	},
	"answer-listReactions-next": func(b []byte) []byte {
		return AppendReactionPage(b, store.ReactionsResult{Reactions: reacted[:1], More: true})
	},
	"answer-channelStorageGet": func(b []byte) []byte {
		return AppendStorageData(b, "mychannel", "settings", entries[0], false, "")
	},
	"answer-channelStorageList": func(b []byte) []byte {
		return AppendStoragePage(b, entries, false, 1<<20)
	},
	"answer-channelStorageList-empty": func(b []byte) []byte {
		return AppendStoragePage(b, nil, false, 1<<20)
	},
	"answer-channelStorageList-more": func(b []byte) []byte {
		return AppendStoragePage(b, entries, false, 150)
	},
	"answer-getChannelInfo": func(b []byte) []byte {
		return AppendChannelInfo(b, "my-channel", store.ChannelInfo{Members: members})
	},
	"answer-getChannelInfo-presence": func(b []byte) []byte {
		return AppendChannelInfo(b, "presence.chat", store.ChannelInfo{Count: 4, Members: members})
	},
	"answer-call": func(b []byte) []byte {
		return AppendResult(b, "room.123", []byte(`{"order":17}`), "")
	},
	"answer-umdUpdate":      AppendEmpty,
	"answer-cancelSchedule": AppendEmpty,
	"answer-channel": func(b []byte) []byte {
		return AppendServerChannelInfo(b, "my-channel", store.ChannelInfo{Count: 2})
	},
	"answer-channel-presence": func(b []byte) []byte {
		return AppendServerChannelInfo(b, "presence.chat", store.ChannelInfo{})
	},
	"answer-publishBatch": func(b []byte) []byte {
		return AppendBatch(b, []BatchResult{
			{Accepted: Accepted{Channel: "inbox.jim", Event: "news"}}, {Accepted: Accepted{Channel: "inbox.pam", Event: "news", ID: idA}},
		})
	},
	"answer-publishBatch-error": func(b []byte) []byte {
		return AppendBatch(b, []BatchResult{
			{Accepted: Accepted{Channel: "inbox.jim", Event: "news"}}, {Failure: Failure{Code: CodeInvalidRequest, Message: `"event" is required`}},
		})
	},
	"answer-revoke":       func(b []byte) []byte { return AppendCount(b, "ended", 2) },
	"answer-disconnected": func(b []byte) []byte { return AppendCount(b, "disconnected", 2) },
	"answer-subscribed":   func(b []byte) []byte { return AppendCount(b, "subscribed", 2) },
	"answer-unsubscribed": func(b []byte) []byte { return AppendCount(b, "unsubscribed", 1) },
	"answer-connections": func(b []byte) []byte {
		return AppendConnectionPage(b, connections, "")
	},
	"answer-connections-next": func(b []byte) []byte {
		return AppendConnectionPage(b, connections[:1], connections[0].ID)
	},
	"answer-channels": func(b []byte) []byte {
		return AppendChannelPage(b, channels, "")
	},
	"answer-channels-next": func(b []byte) []byte {
		return AppendChannelPage(b, nil, channels[0].Name)
	},
	"answer-users": func(b []byte) []byte {
		return AppendOnline(b, users)
	},
	"answer-listSchedules": func(b []byte) []byte {
		return AppendOwnSchedulePage(b, "room.123", schedules[:1], "", 1<<20)
	},
	"answer-listSchedules-next": func(b []byte) []byte {
		return AppendOwnSchedulePage(b, "room.123", schedules, "", 250)
	},
	"answer-schedules": func(b []byte) []byte {
		return AppendSchedulePage(b, schedules, false, 1<<20)
	},
	"answer-schedules-next": func(b []byte) []byte {
		return AppendSchedulePage(b, schedules, false, 350)
	},
	"answer-error": func(b []byte) []byte {
		return AppendHTTPError(b, Failure{Code: "UNAUTHORIZED", Message: "the credentials are missing or invalid"})
	},
})

func TestEncode(t *testing.T) {
	names := slices.Concat(frameNames(t, "frame-"), frameNames(t, "answer-"))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			encode := allEncoded()[name]
			if encode == nil {
				t.Fatal("nothing writes this frame")
			}
			// After what is in the buffer already.
			got := encode([]byte("before"))
			if diff := cmp.Diff("before"+string(readFrame(t, name)), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name := range allEncoded() {
		if !slices.Contains(names, name) {
			t.Errorf("%s has no file in %s", name, framesDir)
		}
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 4<<10)
	for name, encode := range allEncoded() {
		switch name {
		case "frame-messageReactionAdded", "frame-messageReactionRemoved",
			"frame-messageUpdated", "frame-messageDeleted", "answer-listMessages-updated", "frame-messageAppended",
			"frame-messageAppended-complete", "frame-messageAppended-aborted", "frame-messageAppended-lost", "answer-listMessages-stream":
			continue // the test itself makes their data
		}
		if n := testing.AllocsPerRun(100, func() { encode(b) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestEncodeHostileStrings(t *testing.T) {
	// Names and ids come from clients: whatever is in them must stay in its
	// string.
	tests := []struct{ why, s, want string }{
		{"quotes and backslashes", `"},"x":\`, `"\"},\"x\":\\"`},
		{"control characters", "a\x00\n\x1f", `"a\u0000\n\u001f"`},
		{"HTML is left as it is", "<b>&", `"<b>&"`},
		{"not ASCII is left as it is", "né👋\u2028", "\"né👋\u2028\""},
		{"invalid UTF-8 is replaced", "a\xffb", "\"a\uFFFDb\""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got := string(AppendError(nil, tt.s, Failure{Code: "C", Message: tt.s}, tt.s))
			want := `{"event":"hotsock.error","channel":` + tt.want + `,"error":{"code":"C","message":` + tt.want + `},"ref":` + tt.want + `}`
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
