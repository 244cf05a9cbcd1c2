package protocol

import "slices"

// Code is the stable, machine-readable part of an error. docs/vectors/codes.json lists the codes of both ends.
type Code string

// FrameErrors: the frame is bad. See docs/PROTOCOL.md "Bad frames".
const (
	UnsupportedFrame Code = "unsupported_frame"
	PayloadTooLarge  Code = "payload_too_large" // a request error, too
	InvalidJSON      Code = "invalid_json"
	InvalidMessage   Code = "invalid_message"
	InvalidSubject   Code = "invalid_subject"
)

// RequestErrors: the request failed. See docs/PROTOCOL.md "Request and reply".
const (
	NoResponders         Code = "no_responders"
	Forbidden            Code = "forbidden"
	NotRegistered        Code = "not_registered"
	InvalidData          Code = "invalid_data"
	Timeout              Code = "timeout"
	Disconnected         Code = "disconnected"
	RateLimited          Code = "rate_limited"
	TooManySubscriptions Code = "too_many_subscriptions"
	Busy                 Code = "busy"
	RegistryUnavailable  Code = "registry_unavailable"
	NotSaved             Code = "not_saved" // the agent could not save the token that it was offered
	Internal             Code = "internal"
)

// Refusals: the manager refuses an upgrade or a registration, and a retry does not help soon. See docs/PROTOCOL.md "Refusals".
const (
	MissingToken        Code = "missing_token"
	InvalidToken        Code = "invalid_token"
	TokenExpired        Code = "token_expired"
	EnrolmentUsed       Code = "enrolment_used"
	EnrolmentRevoked    Code = "enrolment_revoked"
	AgentRevoked        Code = "agent_revoked"
	AgentRemoved        Code = "agent_removed"
	BrowserOrigin       Code = "browser_origin"
	UnsupportedProtocol Code = "unsupported_protocol"
)

// The codes in the groups of docs/vectors/codes.json. A test holds them against that file, and against the constants
// above.
var (
	FrameErrors   = []Code{UnsupportedFrame, PayloadTooLarge, InvalidJSON, InvalidMessage, InvalidSubject}
	RequestErrors = []Code{
		NoResponders, Forbidden, NotRegistered, InvalidData, Timeout, Disconnected, PayloadTooLarge, RateLimited,
		TooManySubscriptions, Busy, RegistryUnavailable, NotSaved, Internal,
	}
	Refusals = []Code{
		MissingToken, InvalidToken, TokenExpired, EnrolmentUsed, EnrolmentRevoked, AgentRevoked, AgentRemoved,
		BrowserOrigin, UnsupportedProtocol,
	}
)

// IsRefusal reports whether a code refuses the agent's token. An agent retries soon after any other code.
func IsRefusal(code Code) bool { return slices.Contains(Refusals, code) }

// WireError travels in the error field of a reply.
type WireError struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // for people
}

func (e *WireError) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Message
}
