package protocol

// Lengths of names, and of what else clients and tokens say.
const (
	MaxChannel  = 256 // characters
	MaxEvent    = 128 // characters
	MaxKey      = 128 // characters
	MaxMethod   = 128 // characters
	MaxUID      = 128 // characters
	MaxReaction = 100 // bytes
)

// Limits of a token.
const (
	MaxToken     = 8 << 10 // bytes
	MaxClaimKeys = 1000    // of one object of permissions
)

// MaxDepth is how deep arrays and objects may be nested in a JSON value of a
// client or a token: [[1]] is two deep.
const MaxDepth = 64

// MaxStore is the longest that something can be kept, in seconds, unless it
// is kept for ever.
const MaxStore = 3_155_695_200
