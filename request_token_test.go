package hotsock

import (
	"net/url"
	"slices"
	"testing"
)

// The tokens in a query are those of url.Values, also where somebody tries to hide one.
func TestQueryTokens(t *testing.T) {
	for _, query := range []string{
		"", "token", "token=", "token=a.b.c", "x=1&token=a", "token=a&token=b", "token=a+b%2Bc", "tok%65n=a", "token=%zz&token=a",
		"%zz=1&token=a", "token=a;b&token=c", ";token=a", "Token=a", "token=a=b", "&&token=a&", "token&token=a", "=a", "token=%C3%BC",
	} {
		values, _ := url.ParseQuery(query) // What it can read counts.
		want := slices.DeleteFunc(values["token"], func(token string) bool { return token == "" })
		if got := queryTokens(query); !slices.Equal(got, want) {
			t.Errorf("%q: %q, not %q", query, got, want)
		}
	}
}
