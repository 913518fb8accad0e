package wire

// Codes of the errors that this package returns.
const (
	// CodeInvalidJSON: the text is not strict JSON, or not the object it
	// should be.
	CodeInvalidJSON = "INVALID_JSON"
	// CodeInvalidRequest: the JSON is not what the protocol asks for.
	CodeInvalidRequest = "INVALID_REQUEST"
	// CodePayloadTooLarge: a value is longer than the limit given.
	CodePayloadTooLarge = "PAYLOAD_TOO_LARGE"
)

// An Error says what is wrong with a client's input. All errors of decoding
// functions are of this type.
type Error struct {
	// Code is one of the constants of this package.
	Code string
	// Message is safe to be sent to the client. It names members and JSON
	// types, and repeats nothing of the input.
	Message string
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func invalid(message string) *Error { return &Error{CodeInvalidRequest, message} }
