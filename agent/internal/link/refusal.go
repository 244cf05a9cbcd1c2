package link

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// RefusedError is a refusal of the agent's token by the manager.
type RefusedError struct {
	Code    protocol.Code
	Message string // of the manager
	Advice  string // what the operator can do
	Cause   error  // the manager's answer or close frame
}

func (r *RefusedError) Error() string {
	return fmt.Sprintf("the manager refused this agent (%s: %s): %s", r.Code, r.Message, r.Advice)
}

func (r *RefusedError) Unwrap() error { return r.Cause }

// FaultCode is the manager's code.
func (r *RefusedError) FaultCode() fault.Code { return fault.Code(r.Code) }

// RemovedOrRevoked reports whether an operator removed or revoked this agent. Any other refusal of a permanent token may
// be a mistake, such as a wrong manager or a changed JWT_SECRET.
func (r *RefusedError) RemovedOrRevoked() bool {
	return r.Code == protocol.AgentRevoked || r.Code == protocol.AgentRemoved
}

// newRefusedError chooses the advice. enrolled says whether the manager refused the permanent token.
func newRefusedError(refusal protocol.WireError, cause error, enrolled bool) *RefusedError {
	const (
		newToken     = "make a new enrolment token and start the agent with it"
		enrolAgain   = "to bring this host back, start it with a new enrolment token"
		sameManager  = "check that this is the manager that enrolled this host and that its JWT_SECRET is still the same, or the previous one; "
		enrolAnew    = "to enrol this host anew, restart the agent with a new enrolment token"
		copiedWholly = "check that the token was copied whole and is this manager's, or "
	)
	var advice string
	switch refusal.Code {
	case protocol.TokenExpired, protocol.EnrolmentUsed, protocol.EnrolmentRevoked:
		advice = newToken
		if enrolled {
			advice = enrolAnew
		}
	case protocol.AgentRevoked, protocol.AgentRemoved:
		advice = enrolAgain
	case protocol.InvalidToken:
		advice = copiedWholly + newToken
		if enrolled {
			advice = sameManager + enrolAnew
		}
	case protocol.MissingToken:
		advice = "something between this host and the manager removes the Authorization header; let it pass"
	case protocol.BrowserOrigin:
		advice = "something between this host and the manager adds an Origin header; keep it from doing so"
	case protocol.UnsupportedProtocol:
		advice = "install the version of the agent that belongs to this manager"
	}
	return &RefusedError{Code: refusal.Code, Message: refusal.Message, Advice: advice, Cause: cause}
}

// retryableError is an HTTP answer other than 101. The next answer may be another one.
type retryableError struct {
	fault      *fault.Fault  // its cause is the manager's error; nil if the answer holds none
	retryAfter time.Duration // from the Retry-After header; 0 if there is none
}

func (r *retryableError) Error() string { return r.fault.Error() }

func (r *retryableError) Unwrap() error { return r.fault }

// responseError returns a *RefusedError for a refusal by the manager itself, and a *retryableError for any other answer:
// proxies and captive portals answer, too. now is this host's clock.
func (p *progress) responseError(r *http.Response, enrolled bool, now time.Time) error {
	// The code stays empty if the body is not the manager's or breaks off.
	var answer protocol.WireError
	var cause error
	date, dateErr := http.ParseTime(r.Header.Get("Date"))
	text, _ := io.ReadAll(r.Body)
	body, _ := protocol.ReadObject(text, "error")
	if told := body["error"].AsError(); told != nil && told.Code != "" {
		answer, cause = *told, told
		p.update(func() { p.date = date })
	}

	if (r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden) && protocol.IsRefusal(answer.Code) {
		return newRefusedError(answer, cause, enrolled)
	}
	if dateErr == nil {
		now = date // Retry-After counts by the other end's clock, and this host's clock may be wrong
	}
	f := p.describeResponse(r, text, answer)
	f.Cause = cause
	return &retryableError{fault: f, retryAfter: retryAfter(r.Header.Values("Retry-After"), now)}
}

// describeResponse names the likely cause of an answer that is not a refusal.
func (p *progress) describeResponse(r *http.Response, text []byte, cause protocol.WireError) *fault.Fault {
	status := statusOf(r)
	_, reach := p.at()
	plain := reach.TLS == nil
	code := fault.ServerError
	switch {
	case cause.Code != "" && r.StatusCode != http.StatusUpgradeRequired:
		return fault.New(fault.Code(cause.Code), nil, "the manager answered "+status+" ("+cause.Error()+")")
	case reach.Proxy != "" && plain && isOfProxy(r.StatusCode):
		return proxyRefusal(reach.Proxy, r)
	case r.StatusCode == http.StatusUpgradeRequired:
		code = fault.NoWebSocket
	case plain && (r.StatusCode/100 == 3 && isSameWithTLS(r) || // or as nginx, Apache and Go say it
		r.StatusCode == http.StatusBadRequest && bytes.Contains(text, []byte("HTTPS"))):
		code = fault.WantsTLS
	case r.StatusCode/100 == 3:
		return fault.New(fault.Redirected, nil, status, redirectHost(r))
	case r.StatusCode == http.StatusProxyAuthRequired:
		return fault.New(fault.ProxyLogin, nil, "on the way", status)
	case r.StatusCode == http.StatusHTTPVersionNotSupported, r.StatusCode == 464: // 464 is that of AWS
		code = fault.OnlyHTTP2
	case r.StatusCode == http.StatusNotFound:
		code = fault.NotFound
	case r.StatusCode/100 == 4, r.StatusCode/100 == 2, r.StatusCode == http.StatusNetworkAuthenticationRequired:
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if media == "" {
			media = "nothing"
		}
		return fault.New(fault.Portal, nil, status, media)
	}
	return fault.New(code, nil, status)
}

func statusOf(r *http.Response) string {
	return strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
}

// isOfProxy reports whether a status is a proxy's own rather than that of a server behind it.
func isOfProxy(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isSameWithTLS reports whether the answer redirects to the same host with https.
func isSameWithTLS(r *http.Response) bool {
	to, err := url.Parse(r.Header.Get("Location"))
	return err == nil && to.Scheme == "https" && r.Request != nil && strings.EqualFold(to.Hostname(), r.Request.URL.Hostname())
}

// redirectHost leaves out path and query, because they may hold the session of a portal.
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

// longestRetryAfter limits Retry-After, so that a broken proxy cannot send an agent away for a year.
const longestRetryAfter = 10 * time.Minute

// retryAfter reads both forms of the header: seconds and a date. Of several headers the longest wait counts. It is 0 if
// there is none that can be read.
func retryAfter(headers []string, now time.Time) (wait time.Duration) {
	for _, header := range headers {
		if date, err := http.ParseTime(header); err == nil {
			wait = max(wait, date.Sub(now)) // this does not overflow
		} else if header != "" && strings.Trim(header, "0123456789") == "" {
			seconds, err := strconv.ParseUint(header, 10, 31)
			if err != nil { // too many of them
				return longestRetryAfter
			}
			wait = max(wait, time.Duration(seconds)*time.Second)
		}
	}
	return min(wait, longestRetryAfter)
}
