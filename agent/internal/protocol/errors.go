package protocol

// Code is the stable, machine-readable part of an error.
type Code string

// Codes of bad frames.
const (
	UnsupportedFrame Code = "unsupported_frame"
	PayloadTooLarge  Code = "payload_too_large"
	InvalidJSON      Code = "invalid_json"
	InvalidMessage   Code = "invalid_message"
	InvalidSubject   Code = "invalid_subject"
)

// Codes of requests that failed.
const (
	NoResponders Code = "no_responders"
	Timeout      Code = "timeout"
	Disconnected Code = "disconnected"
	Busy         Code = "busy"
	Internal     Code = "internal"
	InvalidData  Code = "invalid_data"
	NotSaved     Code = "not_saved" // the agent could not put the token it was offered on disk
)

// Codes with which the manager refuses an upgrade or a registration.
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
	RegistryUnavailable Code = "registry_unavailable"
)

// Error travels in the error field of a reply.
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
