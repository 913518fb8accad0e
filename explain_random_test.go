package hotsock

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A claimsDice makes up claims with few names, so that many keys match.
type claimsDice struct{ *rand.Rand }

func pickOne[T any](d claimsDice, from ...T) T { return from[d.IntN(len(from))] }

func (d claimsDice) permission() Permission { return pickOne(d, Unset, Unset, Allow, Allow, Deny) }

func (d claimsDice) date() time.Time {
	now := time.Now().Truncate(time.Second)
	return pickOne(d, time.Time{}, time.Unix(0, 0), now.Add(-time.Hour), now.Add(time.Minute), now.Add(time.Hour))
}

func (d claimsDice) store(least time.Duration) time.Duration {
	return pickOne(d, 0, least, time.Minute, Forever)
}

// explainedChannels are the channels that are asked about; some are aliases of
// others, in some tokens.
var explainedChannels = []string{"a", "ab", "presence.a", "nick"}

func (d claimsDice) claims() *Claims {
	c := &Claims{UID: pickOne(d, "", "u", "u"), Channels: make(map[string]ChannelClaims), UMDUpdate: d.IntN(2) == 0}
	for _, key := range []string{"a", "ab", "presence.a", "*", "a*", "*a", "#regex:a$", "#regex:^a"} {
		if d.IntN(3) > 0 {
			continue
		}
		ch := ChannelClaims{
			Subscribe: d.permission(), GetInfo: d.permission(), OmitFromSubCount: d.permission(),
			HistoryStart: d.date(), UMDUpdate: d.permission(),
			Messages: make(map[string]MessageClaims), Storage: make(map[string]StorageClaims),
		}
		if !strings.ContainsAny(key, "*#") {
			ch.AutoSubscribe = d.permission()
		}
		if key == "ab" && d.IntN(3) == 0 {
			ch.Alias = "nick"
		}
		for _, key := range []string{"e", "*", "#regex:^e$", "other", "hotsock.messageReaction"} {
			if d.IntN(2) == 0 {
				ch.Messages[key] = d.message()
			}
		}
		for _, key := range []string{"m", "*", "#regex:^m", "other"} {
			if d.IntN(2) == 0 {
				if ch.Calls == nil {
					ch.Calls = make(map[string]Permission)
				}
				ch.Calls[key] = d.permission()
			}
		}
		for _, key := range []string{"k", "*", "k*", "other"} {
			if d.IntN(2) == 0 {
				ch.Storage[key] = StorageClaims{
					Get: d.permission(), Set: d.permission(), Observe: d.permission(),
					Store: d.store(time.Second), ScheduleBefore: d.date(), EmitPubSubEvent: d.permission(),
				}
			}
		}
		c.Channels[key] = ch
	}
	return c
}

func (d claimsDice) message() MessageClaims {
	m := MessageClaims{
		Publish: d.permission(), Broadcast: d.permission(), Echo: d.permission(),
		Store: d.store(Never), ScheduleBefore: d.date(), EmitPubSubEvent: d.permission(),
	}
	if d.IntN(2) == 0 {
		m.React = d.permission()
	} else {
		m.Update, m.Delete = pickOne(d, d.permission(), Own), pickOne(d, d.permission(), Own)
		m.Stop = m.Delete // Any other would change all that is random after it.
		m.Reactions = pickOne(d, []string{"👍"}, []string{"no", "👍"}, []string{})
	}
	return m
}

// explainQuestions are all that can be asked about a channel.
func explainQuestions(channel string, now time.Time) []ExplainRequest {
	return []ExplainRequest{
		{Action: ActionSubscribe, Channel: channel},
		{Action: ActionGetInfo, Channel: channel},
		{Action: ActionHistory, Channel: channel},
		{Action: ActionPublish, Channel: channel, Event: "e"},
		{Action: ActionPublish, Channel: channel, Event: "#e"},
		{Action: ActionEcho, Channel: channel, Event: "e"},
		{Action: ActionStore, Channel: channel, Event: "e"},
		{Action: ActionStore, Channel: channel, Key: "k"},
		{Action: ActionSchedule, Channel: channel, Event: "e", At: now.Add(30 * time.Minute)},
		{Action: ActionSchedule, Channel: channel, Event: "e", At: now.Add(-30 * time.Minute)},
		{Action: ActionSchedule, Channel: channel, Key: "k", At: now.Add(30 * time.Minute)},
		{Action: ActionReact, Channel: channel, Event: "e", Reaction: "👍"},
		{Action: ActionUpdate, Channel: channel, Event: "e"},
		{Action: ActionDelete, Channel: channel, Event: "e"},
		{Action: ActionStop, Channel: channel, Event: "e"},
		{Action: ActionGet, Channel: channel, Key: "k"},
		{Action: ActionGet, Channel: channel, Key: "k,"},
		{Action: ActionSet, Channel: channel, Key: "k"},
		{Action: ActionObserve, Channel: channel, Key: "k"},
		{Action: ActionCall, Channel: channel, Method: "m"},
	}
}

// TestExplainedKeysAreThoseThatMatch holds explanations of random claims to the
// rules of resolution, as a simpler matcher applies them to the keys.
func TestExplainedKeysAreThoseThatMatch(t *testing.T) {
	h := explainHandler(t, Options{})
	for seed := range uint64(30) {
		d := claimsDice{rand.New(rand.NewPCG(seed, 1))}
		claims, command := d.claims(), d.claims()
		if d.IntN(2) == 0 {
			command = nil
		} else {
			command.UID = claims.UID
			command.ConnectionID = "1"
		}
		for _, channel := range explainedChannels {
			subscribes := explain(t, h, ExplainRequest{
				Action: ActionSubscribe, Channel: channel, Claims: claims, CommandClaims: command,
			}).Allowed
			for _, q := range explainQuestions(channel, time.Now()) {
				q.Claims, q.CommandClaims = claims, command
				e := explain(t, h, q)
				for i := range e.Claims {
					c := &e.Claims[i]
					if problem := checkExplained(c); problem != "" {
						t.Fatalf("seed %d, %+v: %s\n%s", seed, q, problem, e)
					}
					if command != nil && !subscribes {
						continue // the connect token alone counts, or none is needed to say no
					}
					if diff := cmp.Diff(matchingKeys(c, e.Channel, &q), keyNames(c)); diff != "" {
						t.Fatalf("seed %d, keys of %s (-want +got):\n%s%s", seed, c.Name, diff, e)
					}
				}
			}
		}
	}
}

// checkExplained says what is wrong with the value of a claim, given its keys.
func checkExplained(c *ExplainedClaim) string {
	first := func(value string) *ClaimKey {
		for i := range c.Keys {
			if v := c.Keys[i].Value; v != nil && (value == "" || string(v) == value) {
				return &c.Keys[i]
			}
		}
		return nil
	}
	numbers := []string{"store", "scheduleBefore", "historyStart"}
	by := first("false")
	switch {
	case c.Name == "broadcast" || c.Name == "autoSubscribe": // not of subscribe tokens
		return ""
	case slices.Contains(numbers, c.Name):
		by = first("")
	case by == nil:
		by = first("true")
	}
	if by == nil {
		by = first(`"own"`)
	}
	if by == nil && c.Name == "react" {
		return ""
	}
	if by != c.By {
		return c.Name + " is by another key"
	}
	if by != nil && string(by.Value) != string(c.Value) {
		return c.Name + " has another value than the key that it is by"
	}
	return ""
}

// keyNames returns the keys of an explained claim, in no order.
func keyNames(c *ExplainedClaim) []string {
	var names []string
	for _, k := range c.Keys {
		names = append(names, k.String())
	}
	slices.Sort(names)
	return names
}

func matchingKeys(c *ExplainedClaim, channel string, q *ExplainRequest) []string {
	var names []string
	for token, claims := range map[Scope]*Claims{ScopeConnect: q.Claims, ScopeSubscribe: q.CommandClaims} {
		if claims == nil {
			continue
		}
		for key, ch := range claims.Channels {
			if !simplyMatches(key, channel) {
				continue
			}
			switch {
			case isChannelClaim(c.Name):
				names = append(names, ClaimKey{Token: token, Channel: key}.String())
			case q.Method != "":
				for method := range ch.Calls {
					if simplyMatches(method, q.Method) {
						names = append(names, ClaimKey{Token: token, Channel: key, Method: method}.String())
					}
				}
			case q.Event != "":
				for event := range ch.Messages {
					if simplyMatches(event, q.Event) {
						names = append(names, ClaimKey{Token: token, Channel: key, Event: event}.String())
					}
				}
			default:
				for entry := range ch.Storage {
					if simplyMatches(entry, q.Key) {
						names = append(names, ClaimKey{Token: token, Channel: key, Key: entry}.String())
					}
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

func isChannelClaim(name string) bool {
	return slices.Contains([]string{"subscribe", "autoSubscribe", "getInfo", "historyStart", "omitFromSubCount"}, name)
}

// simplyMatches makes regular expressions of all keys.
func simplyMatches(key, name string) bool {
	expr, ok := strings.CutPrefix(key, "#regex:")
	if !ok {
		expr = "^" + strings.ReplaceAll(regexp.QuoteMeta(key), `\*`, ".*") + "$"
	}
	return regexp.MustCompile(expr).MatchString(name)
}
