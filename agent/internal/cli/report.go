package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// report is the status of an agent as its socket and "status --json" tell it. Times are RFC 3339. What is not known or does
// not apply is left out.
type report struct {
	State          link.State `json:"state"`
	Since          string     `json:"since"` // when it connected or, in the other states, since when it has not been connected
	Manager        string     `json:"manager"`
	AgentID        string     `json:"agentId,omitempty"`
	Name           string     `json:"name,omitempty"`
	Labels         []string   `json:"labels,omitempty"` // as of the last registration, as is the name
	Proxy          *string    `json:"proxy,omitempty"`  // host and port on the way to the manager; empty without one
	Version        string     `json:"agentVersion"`
	PID            int        `json:"pid"`
	Reconnects     int64      `json:"reconnects"`
	Failed         int        `json:"failedAttempts"` // in a row
	RTTMs          *int64     `json:"rttMs,omitempty"`
	SkewMs         *int64     `json:"skewMs,omitempty"` // this host's clock minus the manager's
	LastError      string     `json:"lastError,omitempty"`
	LastErrorCode  fault.Code `json:"lastErrorCode,omitempty"`
	LastErrorAt    string     `json:"lastErrorAt,omitempty"`
	LastErrorSince string     `json:"lastErrorSince,omitempty"` // when it happened first, with no other error since
	NextAttempt    string     `json:"nextAttempt,omitempty"`
}

// newReport describes an agent. The time of a moment that has not come is left out.
func newReport(s link.Status, c link.Config) report {
	r := report{
		State: s.State, Since: timestamp(s.Since), Manager: c.Manager.String(), AgentID: s.AgentID, Name: s.Name,
		Version: c.Version, PID: os.Getpid(), Reconnects: s.Reconnects, Failed: s.Failed, RTTMs: s.RTTMs, SkewMs: s.SkewMs,
		Labels: s.Labels, Proxy: &s.Proxy, LastErrorAt: timestamp(s.LastErrorAt), LastErrorSince: timestamp(s.ErrorSince), NextAttempt: timestamp(s.NextAttempt),
	}
	if r.AgentID == "" && c.Enrolled {
		r.AgentID = identity.AgentID(c.Token)
	}
	if s.LastError != nil {
		r.LastError, r.LastErrorCode = s.LastError.Error(), fault.CodeOf(s.LastError)
	}
	return r
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// readReport reads a report of another process. It passes over what it cannot read: the agent may be of another release.
func readReport(text json.RawMessage) report {
	var r report
	fields, _ := protocol.ReadObject(text, "state", "since", "manager", "agentId", "name", "labels", "proxy", "agentVersion", "pid", "reconnects",
		"failedAttempts", "rttMs", "skewMs", "lastError", "lastErrorCode", "lastErrorAt", "lastErrorSince", "nextAttempt")
	state, _ := fields["state"].AsString()
	r.State = link.State(state)
	code, _ := fields["lastErrorCode"].AsString()
	r.LastErrorCode = fault.Code(code)
	for name, to := range map[string]*string{
		"since": &r.Since, "manager": &r.Manager, "agentId": &r.AgentID, "name": &r.Name, "agentVersion": &r.Version,
		"lastError": &r.LastError, "lastErrorAt": &r.LastErrorAt, "lastErrorSince": &r.LastErrorSince, "nextAttempt": &r.NextAttempt,
	} {
		*to, _ = fields[name].AsString()
	}
	r.Labels, _ = fields["labels"].AsStrings()
	if proxy, ok := fields["proxy"].AsString(); ok {
		r.Proxy = &proxy
	}
	integer := func(name string) *int64 {
		n, ok := fields[name].AsNumber()
		if !ok {
			return nil
		}
		i := int64(n)
		return &i
	}
	for name, to := range map[string]**int64{"rttMs": &r.RTTMs, "skewMs": &r.SkewMs} {
		*to = integer(name)
	}
	for name, to := range map[string]*int{"failedAttempts": &r.Failed, "pid": &r.PID} {
		if n := integer(name); n != nil {
			*to = int(*n)
		}
	}
	if n := integer("reconnects"); n != nil {
		r.Reconnects = *n
	}
	return r
}

// sentence is the connection in one line, for systemd.
func (r report) sentence() string {
	switch {
	case r.State == link.Connected:
		return fmt.Sprintf("connected to %s as %s", r.Manager, r.agent())
	case r.LastError == "":
		return "connecting to " + r.Manager
	case r.NextAttempt == "":
		return fmt.Sprintf("not connected to %s: %s", r.Manager, r.LastError)
	default:
		return fmt.Sprintf("not connected to %s: %s; next attempt at %s", r.Manager, r.LastError, r.NextAttempt)
	}
}

func (r report) agent() string {
	switch {
	case r.AgentID == "":
		return "not known yet"
	case r.Name == "":
		return r.AgentID
	}
	return fmt.Sprintf("%s (%s)", r.Name, r.AgentID)
}

// text is the report for a person.
func (r report) text(now time.Time) string {
	var t strings.Builder
	line := func(label, format string, values ...any) {
		fmt.Fprintf(&t, "%-14s%s\n", label, fmt.Sprintf(format, values...))
	}
	if r.State == link.Connected {
		line("connected", "since %s", moment(r.Since, now))
	} else {
		line("disconnected", "since %s", moment(r.Since, now))
	}
	line("manager", "%s", r.Manager)
	line("agent", "%s", r.agent())
	if len(r.Labels) > 0 {
		line("labels", "%s", strings.Join(r.Labels, ", "))
	}
	if r.Proxy != nil && *r.Proxy != "" {
		line("proxy", "%s", *r.Proxy)
	}
	line("version", "%s, process %d", r.Version, r.PID)
	if r.RTTMs != nil && r.SkewMs != nil {
		line("round trip", "%d ms", *r.RTTMs)
		line("clock", "%s", skewText(*r.SkewMs))
	}
	line("reconnects", "%d", r.Reconnects)
	switch {
	case r.NextAttempt != "":
		line("next attempt", "%s, after %d failed", moment(r.NextAttempt, now), r.Failed)
	case r.State == link.Connecting:
		line("next attempt", "now, after %d failed", r.Failed)
	}
	if r.LastError != "" {
		line("last error", "%s", r.LastError)
		line("", "%s; for the first time %s", moment(r.LastErrorAt, now), moment(r.LastErrorSince, now))
	}
	return t.String()
}

func skewText(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d.Abs() < time.Second:
		return "within a second of the manager's"
	case d > 0:
		return d.Round(time.Second).String() + " ahead of the manager's"
	default:
		return (-d).Round(time.Second).String() + " behind the manager's"
	}
}

// moment shows a time and how far away it is.
func moment(text string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "at an unknown time"
	}
	switch away := now.Sub(at).Round(time.Second); {
	case away >= 0:
		return fmt.Sprintf("%s (%s ago)", text, away)
	default:
		return fmt.Sprintf("%s (in %s)", text, -away)
	}
}
