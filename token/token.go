// Package token signs and verifies the tokens of Hotsock: JSON Web Tokens whose
// claims say who a client is and what it may do. A program that only mints tokens
// needs nothing else; the package links nothing of the server.
//
// Package hotsock has the same types and functions under its own names, so a
// server need not import this package.
package token

import "time"

// Forever as a Store keeps something for ever.
const Forever time.Duration = -1

// Never as the Store of a [MessageClaims] keeps nothing, also where a less
// specific key has a Store. 0 leaves it to that key.
const Never time.Duration = -2
