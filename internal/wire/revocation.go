package wire

import "time"

// A Revocation is the body of POST revocations. None of its members is required, and
// times are zero for none.
type Revocation struct {
	UID          string
	TokenID      string // jti
	IssuedBefore time.Time
	Until        time.Time
}

// DecodeRevocation reads the body of POST revocations.
func DecodeRevocation(body []byte) (Revocation, error) {
	var m Revocation
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "uid":
			r.string(&m.UID)
		case "jti":
			r.string(&m.TokenID)
		case "issuedBefore":
			r.time(&m.IssuedBefore)
		case "until":
			r.time(&m.Until)
		}
	}
	return m, r.close()
}

func (r *reader) time(t *time.Time) {
	var text string
	r.string(&text)
	if text == "" {
		return
	}
	parsed, err := time.Parse(time.RFC3339, text) // with any fraction of a second
	if err != nil {
		r.fail("must be a time such as 2030-07-24T13:00:00Z")
	}
	*t = parsed
}
