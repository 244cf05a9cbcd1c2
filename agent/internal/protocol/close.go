package protocol

// Codes of close frames; PROTOCOL.md "Close codes" says what an agent does on each.
const (
	CloseStopped         = 1000 // by the agent: it shuts down for good
	CloseNoSignOfLife    = 1001 // by the agent: the manager is silent
	CloseReturning       = 1012 // by the agent: it comes back, with a new token or because it was asked to
	ClosePolicyViolation = 4400
	CloseUnauthorized    = 4401
	CloseRevoked         = 4403
	CloseReplaced        = 4409
	CloseRateLimited     = 4429
	CloseGoingAway       = 4503
)
