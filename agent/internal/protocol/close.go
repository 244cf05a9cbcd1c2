package protocol

// Close codes: docs/PROTOCOL.md "Close codes" says what an agent does on each.
const (
	CloseStopped         = 1000 // sent by an agent that shuts down for good
	CloseNoSignOfLife    = 1001 // sent by an agent whose manager is silent
	CloseReturning       = 1012 // sent by an agent that reconnects, with a new token or at the manager's request
	ClosePolicyViolation = 4400
	CloseUnauthorized    = 4401
	CloseRevoked         = 4403
	CloseLeaseExpired    = 4408
	CloseReplaced        = 4409
	CloseRateLimited     = 4429
	CloseGoingAway       = 4503
)

// CloseNames holds every close code and its name in docs/vectors/codes.json. A close frame usually carries the name as
// its reason.
var CloseNames = map[int]string{
	CloseStopped:         "stopped",
	CloseNoSignOfLife:    "no_sign_of_life",
	CloseReturning:       "returning",
	ClosePolicyViolation: "policy_violation",
	CloseUnauthorized:    "unauthorized",
	CloseRevoked:         "revoked",
	CloseLeaseExpired:    "lease_expired",
	CloseReplaced:        "replaced",
	CloseRateLimited:     "rate_limited",
	CloseGoingAway:       "going_away",
}
