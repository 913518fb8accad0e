package hotsock

import (
	"fmt"
	"strings"
	"time"
)

// String returns the answer on one line, the reason on the next, and then each
// claim with all keys that match. The form may change.
func (e Explanation) String() string {
	var b strings.Builder
	b.WriteString(string(e.Action))
	if e.Channel != "" {
		fmt.Fprintf(&b, " on %q", e.Channel)
	}
	switch {
	case !e.Allowed && e.Code != "":
		fmt.Fprintf(&b, ": no (%s)", e.Code)
	case !e.Allowed:
		b.WriteString(": no")
	case e.NeedsSubscription:
		b.WriteString(": yes, while subscribed")
	default:
		b.WriteString(": yes")
	}
	fmt.Fprintf(&b, "\n%s\n", e.Reason)
	if e.Hook != "" {
		fmt.Fprintf(&b, "%s is asked, too\n", e.Hook)
	}
	for _, c := range e.Claims {
		fmt.Fprintf(&b, "%s = %s\n", c.Name, c.Value)
		for i := range c.Keys {
			k := &c.Keys[i]
			value, mark := "nothing", ""
			if k.Value != nil {
				value = string(k.Value)
			}
			if k == c.By {
				mark = ", which counts"
			}
			fmt.Fprintf(&b, "\t%s: %s%s\n", k, value, mark)
		}
	}
	return b.String()
}

// String returns where the key is, such as channels["room.*"].messages["chat"]
// of the connect token.
func (k ClaimKey) String() string {
	var b strings.Builder
	if k.Channel != "" {
		fmt.Fprintf(&b, "channels[%q]", k.Channel)
	}
	switch {
	case k.Event != "":
		fmt.Fprintf(&b, ".messages[%q]", k.Event)
	case k.Key != "":
		fmt.Fprintf(&b, ".storage[%q]", k.Key)
	case k.Method != "" && k.Channel == "":
		fmt.Fprintf(&b, "calls[%q]", k.Method)
	case k.Method != "":
		fmt.Fprintf(&b, ".calls[%q]", k.Method)
	}
	if b.Len() > 0 {
		b.WriteString(" of ")
	}
	if k.Token == 0 {
		b.WriteString("the app's grant")
	} else {
		fmt.Fprintf(&b, "the %s token", k.Token)
	}
	return b.String()
}

// because says what a claim rests on.
func (c *ExplainedClaim) because() string {
	switch {
	case c.By != nil:
		return fmt.Sprintf("%s is %s under %s", c.Name, c.By.Value, c.By)
	case len(c.Keys) == 0:
		return "no key matches"
	default:
		return "no key that matches says " + c.Name
	}
}

func inText(t time.Time) string { return t.UTC().Format(time.RFC3339) }
