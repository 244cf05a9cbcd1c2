package link

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// Refused is a refusal that no retry will change.
type RefusedError struct {
	Code    protocol.Code
	Message string // the manager's words
	Advice  string // what the operator can do
}

func (r *RefusedError) Error() string {
	return fmt.Sprintf("the manager refused this agent (%s: %s): %s", r.Code, r.Message, r.Advice)
}

// dismissed says that the manager knows the agent and wants it no more. Any other refusal of a permanent token may be
// a mistake, such as a wrong manager or a changed JWT_SECRET.
func (r *RefusedError) removedOrRevoked() bool {
	return r.Code == protocol.AgentRevoked || r.Code == protocol.AgentRemoved
}

// newRefused chooses the advice; enrolled says whether it was the permanent token that was refused.
func newRefusedError(cause protocol.WireError, enrolled bool) *RefusedError {
	const (
		again  = "make a new enrolment token and start the agent with it"
		afresh = "if this host is to come back, move its state directory away and start it with a new enrolment token"
		back   = "to bring this host back, start it with a new enrolment token"
	)
	var advice string
	switch cause.Code {
	case protocol.TokenExpired, protocol.EnrolmentUsed, protocol.EnrolmentRevoked:
		advice = again
	case protocol.AgentRevoked, protocol.AgentRemoved:
		advice = back
	case protocol.InvalidToken:
		advice = "check that the token was copied whole and is this manager's, or " + again
		if enrolled {
			advice = "check that this is the manager that enrolled this host and that its JWT_SECRET is still the same; " + afresh
		}
	case protocol.MissingToken:
		advice = "something between this host and the manager removes the Authorization header; let it pass"
	case protocol.BrowserOrigin:
		advice = "something between this host and the manager adds an Origin header; keep it from doing so"
	case protocol.UnsupportedProtocol:
		advice = "install the version of the agent that belongs to this manager"
	}
	return &RefusedError{Code: cause.Code, Message: cause.Message, Advice: advice}
}

// setback is an answer other than 101 that may be another one next time.
type retryableError struct {
	text       string
	retryAfter time.Duration // the earliest that the other end wants to be asked again
}

func (s *retryableError) Error() string { return s.text }

// final holds the codes of PROTOCOL.md "Refusals" that stop an agent, be it the upgrade or the registration that was
// refused. Any other one is retried: the agent is fine, whatever has happened.
var finalRefusals = map[protocol.Code]bool{
	protocol.MissingToken: true, protocol.InvalidToken: true, protocol.TokenExpired: true,
	protocol.EnrolmentUsed: true, protocol.EnrolmentRevoked: true, protocol.AgentRevoked: true,
	protocol.AgentRemoved: true, protocol.BrowserOrigin: true, protocol.UnsupportedProtocol: true,
}

// refusal tells the manager's own final refusals from everything that proxies and captive portals may say. now is this
// host's clock.
func responseError(r *http.Response, enrolled bool, now time.Time) error {
	// A body that is not the manager's, or breaks off, leaves the code empty.
	var body struct {
		Error protocol.WireError `json:"error"`
	}
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &body)

	if (r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden) && finalRefusals[body.Error.Code] {
		return newRefusedError(body.Error, enrolled)
	}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		now = date // by which the other end counts, however wrong this host's clock is
	}
	return &retryableError{text: describeResponse(r, body.Error), retryAfter: retryAfter(r.Header.Get("Retry-After"), now)}
}

func describeResponse(r *http.Response, cause protocol.WireError) string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode)))
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.StatusCode == http.StatusUpgradeRequired || r.StatusCode/100 == 2:
		return fmt.Sprintf("something between this host and the manager does not pass WebSockets (it answered %s)", status)
	case r.StatusCode/100 == 3:
		return fmt.Sprintf("redirected (%s) to %s, where the token does not belong: a captive portal, or the manager's URL has changed",
			status, redirectHost(r))
	case r.StatusCode == http.StatusProxyAuthRequired:
		return fmt.Sprintf("a proxy wants a log-in (it answered %s): put one into HTTPS_PROXY", status)
	case cause.Code != "":
		return fmt.Sprintf("the manager answered %s (%v)", status, &cause)
	case r.StatusCode == http.StatusNotFound:
		return fmt.Sprintf("there is no manager at this URL (it answered %s)", status)
	case r.StatusCode/100 == 4:
		if media == "" {
			media = "nothing"
		}
		return fmt.Sprintf("something that is not the manager answered %s with %s: a proxy or a captive portal?", status, media)
	default:
		return fmt.Sprintf("the manager, or a proxy before it, answered %s", status)
	}
}

// redirectHost leaves out the path and query, which may hold a portal's session.
func redirectHost(r *http.Response) string {
	to, err := url.Parse(r.Header.Get("Location"))
	switch {
	case err != nil:
		return "an unreadable URL"
	case to.Host == "":
		return "another path"
	default:
		return to.Scheme + "://" + to.Host
	}
}

// longestRetryAfter keeps a broken proxy from sending an agent away for a year.
const longestRetryAfter = 10 * time.Minute

// retryAfter reads both forms of the header, seconds and a date; 0 if there is none.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestRetryAfter)
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(0, date.Sub(now)), longestRetryAfter)
	}
	return 0
}
