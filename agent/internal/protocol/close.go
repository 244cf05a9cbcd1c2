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

// CloseName is the name of a close code, or "" for an unknown code. A close frame usually carries the name as its reason.
func CloseName(code int) string {
	for _, c := range Closes {
		if c.Code == code {
			return c.Name
		}
	}
	return ""
}

// Close is a close code with its name.
type Close struct {
	Code int
	Name string
}

// Closes holds every close code above. A test holds it against docs/vectors/codes.json.
var Closes = []Close{
	{Code: CloseStopped, Name: "stopped"},
	{Code: CloseNoSignOfLife, Name: "no_sign_of_life"},
	{Code: CloseReturning, Name: "returning"},
	{Code: ClosePolicyViolation, Name: "policy_violation"},
	{Code: CloseUnauthorized, Name: "unauthorized"},
	{Code: CloseRevoked, Name: "revoked"},
	{Code: CloseLeaseExpired, Name: "lease_expired"},
	{Code: CloseReplaced, Name: "replaced"},
	{Code: CloseRateLimited, Name: "rate_limited"},
	{Code: CloseGoingAway, Name: "going_away"},
}
