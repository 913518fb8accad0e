package httpurl

import "testing"

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.com/a?b=c":              "https://example.com/a?b=c",
		" https://example.com/ \n":               "https://example.com/",
		"https://example.com/?q=a b":             "https://example.com/?q=a%20b",
		"https://example.com/?q={é}&r=\"<>\\^`|": "https://example.com/?q=%7B%C3%A9%7D&r=%22%3C%3E%5C%5E%60%7C",
		"https://example.com/?q=%20+":            "https://example.com/?q=%20+", // is escaped already
	} {
		u, err := Parse(text)
		if err != nil || u.String() != want {
			t.Errorf("%q: %v, %v, want %s", text, u, err, want)
		}
	}
	if u, err := Parse("https://example.com:x/"); err == nil {
		t.Errorf("read %v", u)
	}
}
