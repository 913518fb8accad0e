package hotsock

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// need is a set of fields of an ExplainRequest.
type need uint8

const (
	needChannel need = 1 << iota
	needEvent
	needKey
	needEventOrKey
	needReaction
	needCommand
	needMethod
)

// questions are how to answer, by action.
var questions = map[Action]struct {
	needs  need
	answer func(x *explainer)
}{
	ActionConnect:   {0, (*explainer).connecting},
	ActionSubscribe: {needChannel, (*explainer).subscribing},
	ActionGetInfo:   {needChannel, (*explainer).gettingInfo},
	ActionHistory:   {needChannel, (*explainer).readingHistory},
	ActionPublish:   {needChannel | needEvent, (*explainer).publishing},
	ActionEcho:      {needChannel | needEvent, (*explainer).echoing},
	ActionStore:     {needChannel | needEventOrKey, (*explainer).storing},
	ActionSchedule:  {needChannel | needEventOrKey, (*explainer).scheduling},
	ActionReact:     {needChannel | needEvent | needReaction, (*explainer).reacting},
	ActionUpdate:    {needChannel | needEvent, (*explainer).editing},
	ActionDelete:    {needChannel | needEvent, (*explainer).editing},
	ActionStop:      {needChannel | needEvent, (*explainer).editing},
	ActionGet:       {needChannel | needKey, (*explainer).getting},
	ActionSet:       {needChannel | needKey, (*explainer).setting},
	ActionObserve:   {needChannel | needKey, (*explainer).observing},
	ActionCall:      {needMethod, (*explainer).calling},
	ActionUpdateUMD: {needCommand, (*explainer).updatingUMD},
	ActionRefresh:   {needCommand, (*explainer).refreshing},
}

// check returns what is wrong with the request, "" if nothing is, and puts its
// reaction into the normal form.
func (q *ExplainRequest) check(needs need) string {
	has := func(n need) bool { return needs&n != 0 }
	switch {
	case q.Token != "" && q.Claims != nil:
		return "Token and Claims cannot both be given"
	case q.CommandToken != "" && q.CommandClaims != nil:
		return "CommandToken and CommandClaims cannot both be given"
	case has(needCommand) && !q.hasCommand():
		return "CommandToken or CommandClaims is missing"
	case q.Token == "" && q.Claims == nil && (q.Action == ActionConnect || !q.hasCommand()):
		return "Token or Claims is missing"
	case q.Granted != nil && q.Channel == "":
		return "Granted needs a Channel"
	case has(needChannel) && q.Channel == "":
		return "Channel is missing"
	case q.Channel != "" && !protocol.ValidChannel(q.Channel):
		return invalidChannel
	case has(needEvent) && q.Event == "":
		return "Event is missing"
	case has(needKey) && q.Key == "":
		return "Key is missing"
	case has(needMethod) && q.Method == "":
		return "Method is missing"
	case has(needEventOrKey) && (q.Event == "") == (q.Key == ""):
		return "either Event or Key must be given"
	}
	if has(needReaction) {
		var ok bool
		if q.Reaction, ok = protocol.NormalReaction(q.Reaction); !ok {
			return "Reaction is missing or not valid"
		}
	}
	return ""
}

func (q *ExplainRequest) hasCommand() bool { return q.CommandToken != "" || q.CommandClaims != nil }

func (x *explainer) connecting() {
	parts := []string{"the claims are valid"}
	if x.q.Claims == nil {
		var c Claims
		_ = c.UnmarshalJSON(tokenClaims(x.q.Token)) // it was verified
		parts = []string{"the token is genuine and can be used until " + inText(c.Expires)}
	}
	if x.connect.SingleUse != nil {
		parts = append(parts, "once")
	}
	if auto := x.connect.AutoSubscribe; len(auto) > 0 {
		parts = append(parts, "and subscribes to "+strings.Join(auto, ", "))
	}
	x.e.Allowed, x.e.Reason = true, strings.Join(parts, ", ")
}

func (x *explainer) subscribing() {
	x.e.Claims = x.subscribeClaims()
	v := x.wanted.ResolveChannel()
	x.e.Claims = append(x.e.Claims, explainChannel(x.wanted, "omitFromSubCount", v.OmitFromSubCount.By, "false"))
	x.decide(x.subscribeErr)
}

func (x *explainer) gettingInfo() {
	v := x.subscribed.perms.ResolveChannel()
	x.e.Claims = []ExplainedClaim{explainChannel(x.subscribed.perms, "getInfo", v.GetInfo.By, "false")}
	x.ask((*access).permitInfo)
}

func (x *explainer) readingHistory() {
	v := x.subscribed.perms.ResolveChannel()
	x.e.Claims = []ExplainedClaim{explainChannel(x.subscribed.perms, "historyStart", v.HistoryStart.By, "null")}
	x.ask((*access).permitHistory)
	if !x.e.Allowed {
		return
	}
	x.e.Reason = "without historyStart, from the moment of subscribing"
	if start, ok := x.subscribed.perms.History(); ok {
		x.e.Reason = "historyStart is " + inText(start) + " under " + x.e.By.String()
	}
}

func (x *explainer) publishing() {
	v := x.subscribed.perms.ResolveEvent(x.q.Event)
	x.e.Claims = append(x.publishClaims(&v),
		x.eventClaim(&v, "echo", v.Echo.By, "false"),
		x.eventClaim(&v, "store", v.Store.By, "0"),
		x.eventClaim(&v, "emitPubSubEvent", v.Emit.By, "false"))
	x.ask(x.permitPublish)
}

func (x *explainer) permitPublish(acc *access) error {
	_, err := acc.permitPublish(x.q.Event)
	return err
}

func (x *explainer) permitSet(acc *access) error {
	_, err := acc.permitSet(x.q.Key)
	return err
}

// permitWrite is for actions that are about what is published or set.
func (x *explainer) permitWrite(acc *access) error {
	if x.q.Key != "" {
		return x.permitSet(acc)
	}
	return x.permitPublish(acc)
}

// consequence answers whether something becomes of what is published or set,
// and of which claim that is. Where it may not be published or set, that is the
// answer.
func (x *explainer) consequence(claim ExplainedClaim, permit func(acc *access) error) {
	var write []ExplainedClaim
	if x.q.Key != "" {
		v := x.subscribed.perms.ResolveEntry(x.q.Key)
		write = []ExplainedClaim{x.entryClaim(&v, "set", v.Set.By, "false")}
	} else {
		v := x.subscribed.perms.ResolveEvent(x.q.Event)
		write = x.publishClaims(&v)
	}
	x.e.Claims = slices.Concat(write, []ExplainedClaim{claim})
	if x.ask(x.permitWrite); !x.e.Allowed {
		return
	}
	x.e.Claims = slices.Concat([]ExplainedClaim{claim}, write)
	x.ask(func(acc *access) error {
		if err := x.permitWrite(acc); err != nil {
			return err
		}
		return permit(acc)
	})
}

// errSilent is not for clients, who are not told.
var errSilent = refuseBecause("", "not told")

func silently(ok bool) error {
	if !ok {
		return errSilent
	}
	return nil
}

func (x *explainer) echoing() {
	v := x.subscribed.perms.ResolveEvent(x.q.Event)
	x.consequence(x.eventClaim(&v, "echo", v.Echo.By, "false"), func(acc *access) error {
		if !acc.subscribed {
			return refuse(CodeNotSubscribed)
		}
		return silently(acc.perms.Event(x.q.Event).Echo)
	})
	if x.permitWrite(x.subscribed) == nil {
		x.e.Code = "" // it is published, at any rate
	}
}

func (x *explainer) storing() {
	if x.q.Key != "" {
		v := x.subscribed.perms.ResolveEntry(x.q.Key)
		x.consequence(x.entryClaim(&v, "store", v.Store.By, "-1"), func(*access) error { return nil })
		return
	}
	v := x.subscribed.perms.ResolveEvent(x.q.Event)
	x.consequence(x.eventClaim(&v, "store", v.Store.By, "0"), func(acc *access) error {
		return silently(acc.perms.Event(x.q.Event).Retention != 0)
	})
}

func (x *explainer) scheduling() {
	const name = "scheduleBefore"
	latest := func(acc *access) time.Time { return acc.perms.Event(x.q.Event).ScheduleBefore }
	var claim ExplainedClaim
	if x.q.Key != "" {
		latest = func(acc *access) time.Time { return acc.perms.Entry(x.q.Key).ScheduleBefore }
		v := x.subscribed.perms.ResolveEntry(x.q.Key)
		claim = x.entryClaim(&v, name, v.ScheduleBefore.By, "null")
	} else {
		v := x.subscribed.perms.ResolveEvent(x.q.Event)
		claim = x.eventClaim(&v, name, v.ScheduleBefore.By, "null")
	}
	x.consequence(claim, func(acc *access) error {
		err := permitDue(time.Time{}, latest(acc))
		if err == nil && !x.q.At.IsZero() && x.q.At.Before(time.Now()) {
			err = refuseBecause(CodeInvalidScheduleExpression, "At is in the past")
		}
		if err == nil {
			err = permitDue(x.q.At, latest(acc))
		}
		return err
	})
	if x.e.By != nil && x.e.Claims[0].Name == name {
		x.e.Reason = name + " is " + inText(latest(x.subscribed)) + " under " + x.e.By.String()
	}
}

func (x *explainer) reacting() {
	v := x.subscribed.perms.ResolveEvent(x.q.Event)
	x.e.Claims = []ExplainedClaim{x.reactClaim(&v)}
	x.ask(func(acc *access) error {
		if err := acc.permitReacting(); err != nil {
			return err
		}
		if err := acc.permitRead(before(time.Now().Add(time.Millisecond))); err != nil {
			return err
		}
		_, err := acc.permitReaction(x.q.Event, x.q.Reaction)
		return err
	})
	switch {
	case x.e.Code == CodeHistoryPermissionDenied:
		x.blameHistoryStart()
	case x.e.Code != CodeReactionPermissionDenied:
	case x.subscribed.meta.UID == "":
		x.e.Reason, x.e.By = "reactions need a uid, and the client has none", nil
	case x.e.By == nil && len(v.Event().Reactions) > 0:
		x.e.Reason = "the reaction is in no list of react that matches"
	}
}

// editing is about a message that is the client's own.
func (x *explainer) editing() {
	v := x.subscribed.perms.ResolveEvent(x.q.Event)
	value, denied := v.Update, CodeUpdatePermissionDenied
	permit := func(acc *access) error { return acc.permitEdit(x.q.Event, &acc.meta, false) }
	switch x.q.Action {
	case ActionDelete:
		value, denied = v.Delete, CodeDeletePermissionDenied
		permit = func(acc *access) error { return acc.permitEdit(x.q.Event, &acc.meta, true) }
	case ActionStop:
		value, denied = v.Stop, CodeStopPermissionDenied
		permit = func(acc *access) error { return acc.permitStop(x.q.Event, acc.meta.UID) }
	}
	x.e.Claims = []ExplainedClaim{x.eventClaim(&v, string(x.q.Action), value.By, "false")}
	x.ask(func(acc *access) error {
		if err := acc.permitEditing(); err != nil {
			return err
		}
		if err := acc.permitRead(before(time.Now().Add(time.Millisecond))); err != nil {
			return err
		}
		return permit(acc)
	})
	switch {
	case x.e.Code == CodeHistoryPermissionDenied:
		x.blameHistoryStart()
	case value.Value != Own:
	case x.e.Allowed:
		x.e.Reason = "only of messages of its own: " + x.e.Reason
	case x.subscribed.meta.UID == "" && x.e.Code == denied:
		x.e.Reason = "the client has no uid, and so no messages of its own: " + x.e.Reason
	}
}

// blameHistoryStart says that it forbids to read even a new message.
func (x *explainer) blameHistoryStart() {
	g := x.subscribed.perms
	r := g.ResolveChannel()
	x.e.Claims = append([]ExplainedClaim{explainChannel(g, "historyStart", r.HistoryStart.By, "null")}, x.e.Claims...)
	x.e.By = x.e.Claims[0].By
	x.e.Reason = "historyStart is in the future under " + x.e.By.String()
}

func (x *explainer) getting() {
	v := x.subscribed.perms.ResolveEntry(x.q.Key)
	x.e.Claims = []ExplainedClaim{x.entryClaim(&v, "get", v.Get.By, "false")}
	x.ask(func(acc *access) error { return acc.permitGet(x.q.Key) })
}

func (x *explainer) setting() {
	v := x.subscribed.perms.ResolveEntry(x.q.Key)
	x.e.Claims = []ExplainedClaim{
		x.entryClaim(&v, "set", v.Set.By, "false"),
		x.entryClaim(&v, "store", v.Store.By, "-1"),
		x.entryClaim(&v, "emitPubSubEvent", v.Emit.By, "false"),
	}
	x.ask(x.permitSet)
}

func (x *explainer) observing() {
	v := x.subscribed.perms.ResolveEntry(x.q.Key)
	x.e.Claims = []ExplainedClaim{x.entryClaim(&v, "observe", v.Observe.By, "false")}
	x.ask(func(acc *access) error {
		if !acc.subscribed {
			return refuse(CodeNotSubscribed)
		}
		return silently(acc.perms.Entry(x.q.Key).Observe)
	})
	x.e.Code = "" // nobody asked
}

func (x *explainer) calling() {
	if x.q.Channel == "" {
		v := x.connect.ResolveCall(x.q.Method)
		x.e.Claims = []ExplainedClaim{callClaim(&v, func(int) ClaimKey { return ClaimKey{Token: ScopeConnect} })}
		x.decide(permitCall(x.q.Method, x.connect.ResolveCall))
		return
	}
	g := x.subscribed.perms
	v := g.ResolveCall(x.q.Method)
	x.e.Claims = []ExplainedClaim{callClaim(&v, func(rule int) ClaimKey {
		return ClaimKey{Token: g.Token(rule), Channel: g.Rules()[rule].Key}
	})}
	x.ask(func(acc *access) error { return acc.permitCall(x.q.Method) })
}

func (x *explainer) updatingUMD() {
	if x.q.Channel == "" {
		allowed := fmt.Sprint(x.command.UMDUpdate)
		keys := []ClaimKey{{Token: ScopeUMD, Value: []byte(allowed)}}
		x.e.Claims = []ExplainedClaim{explained("umdUpdate", keys, 0, "")}
		x.decide(permitUMD(x.command, nil))
		return
	}
	rules, effective := x.command.ResolveUMDUpdate(x.subscribed.channel)
	keys := make([]ClaimKey, len(rules))
	for i, r := range rules {
		keys[i] = ClaimKey{Token: ScopeUMD, Channel: r.Key, Value: claimValue(r.Claims, "umdUpdate")}
	}
	x.e.Claims = []ExplainedClaim{explained("umdUpdate", keys, effective.By, "false")}
	x.ask(func(acc *access) error { return permitUMD(x.command, acc) })
}
