// Package token signs and verifies the tokens of Hotsock: JSON Web Tokens whose
// claims say who a client is and what it may do. It is all that a program needs
// which mints tokens, and it contains nothing of the server.
//
// Package hotsock has the same types and functions under its own names, so a
// server needs no import of this one.
package token

import "time"

// Forever is the Store of what never expires.
const Forever time.Duration = -1
