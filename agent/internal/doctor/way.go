package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// checkWay checks the steps that need the network, and the clock, which the manager's answer tells.
func (e *examination) checkWay(ctx context.Context, manager identity.Manager, state identity.Inspection, isRead bool) {
	if e.config.UseProxy != nil {
		if err := e.config.UseProxy(manager); err != nil {
			e.fail(fault.Proxy, fault.New(fault.ProxyUnusable, err, err.Error()))
			return
		}
	}
	own := state.Credential != nil && state.Credential.Manager == manager
	config := link.Config{
		Manager: manager, InstallID: state.InstallID, Version: e.config.Version, Enrolled: true,
		Authorities: e.config.Authorities, Proxy: e.config.Proxy, Clock: e.config.Clock, StepTimeout: e.config.StepTimeout,
	}
	if config.InstallID == "" {
		config.InstallID = "doctor-" + strings.Repeat("0", 8) // of no host: nothing enrols with it
	}
	l := link.New(config)
	tokens := []string{""}
	if own {
		tokens = []string{state.Credential.Token}
		if state.Candidate != "" {
			tokens = []string{state.Candidate, state.Credential.Token}
		}
	}
	var found link.Findings
	var refused *link.RefusedError
	for _, token := range tokens { // as the agent shows them
		refused = nil
		found = l.Probe(ctx, token)
		if !errors.As(found.Err, &refused) || refused.RemovedOrRevoked() {
			break
		}
	}
	if !own && refused != nil && refused.Code == protocol.MissingToken {
		found.Step, found.Err = fault.Credential, nil
	}
	e.tellSteps(manager, found)
	if !own && e.checks[fault.Upgrade].Result == OK {
		why := "this host is not enrolled with a manager"
		if state.Credential != nil {
			why = "this host is enrolled with " + state.Credential.Manager.String() + ", and its token is for no other manager"
		} else if !isRead {
			why = "the state directory does not tell the token"
		}
		e.set(fault.Credential, Skipped, why)
	}
	e.checkClock(ctx, l, found)
	e.askAgent(state, manager, found.Proxy)
}

// tellSteps gives each step before the one that failed its ok.
func (e *examination) tellSteps(manager identity.Manager, found link.Findings) {
	for _, step := range fault.Steps[2:] { // from the name service on
		if step == found.Step {
			if found.Err != nil {
				e.fail(step, found.Err)
			}
			return
		}
		switch {
		case step != fault.TLS || found.TLS != nil:
			e.set(step, OK, e.describe(step, found))
		case manager.IsUnencrypted():
			e.set(step, Skipped, "the manager's URL begins with http://, so the token crosses the network unencrypted")
		default:
			e.set(step, Skipped, "the manager's URL begins with http://, on this host itself")
		}
	}
}

// describe says what was found at a step that works.
func (e *examination) describe(step fault.Step, found link.Findings) string {
	switch step {
	case fault.Names:
		return strings.Join(found.Addresses, ", ")
	case fault.Proxy:
		whose := "doctor"
		if e.config.OfAgent {
			whose = "the running agent"
		}
		if found.Proxy == "" {
			return "the environment of " + whose + " names none for this manager"
		}
		return found.Proxy + ", from the environment of " + whose
	case fault.TCP:
		if found.Proxy == "" {
			return "connected to " + found.Connected
		}
		return "connected through the proxy"
	case fault.TLS:
		return describeTLS(found.TLS)
	case fault.Upgrade:
		if found.Welcomed {
			return "a WebSocket opens, and the manager welcomes this host"
		}
		return "the request for a WebSocket reaches the manager"
	case fault.Credential:
		return "the manager accepts the token"
	}
	return "answered in " + rounded(found.Beat)
}

func describeTLS(state *tls.ConnectionState) string {
	text := tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		text += ", certificate valid until " + state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)
	}
	return text
}

func (e *examination) checkClock(ctx context.Context, l *link.Link, found link.Findings) {
	skew, known := found.Skew, found.HasSkew
	if !known {
		skew, known = l.SkewBeyondDates(ctx, found.Err)
	}
	text := rounded(skew.Abs()) + " ahead of"
	if skew < 0 {
		text = rounded(skew.Abs()) + " behind"
	}
	switch {
	case !known && e.checks[fault.Upgrade].Result == OK:
		e.set(fault.Clock, Skipped, "the manager's answer has no date")
	case !known:
	case skew.Abs() > largestSkew:
		e.fail(fault.Clock, fault.New(fault.ClockWrong, nil, text))
	default:
		e.set(fault.Clock, OK, text+" the manager's")
	}
}

// askAgent lets the running agent say whether it is connected. It is asked even if the way of a new connection fails: the
// connection of the agent may be older than the fault.
func (e *examination) askAgent(state identity.Inspection, manager identity.Manager, proxy string) {
	if !state.Running || e.config.Ask == nil {
		return
	}
	beat := e.checks[fault.Heartbeat]
	agent, err := e.config.Ask()
	// To another manager another proxy may be right.
	if err == nil && manager == state.Manager && agent.Proxy != nil && *agent.Proxy != proxy {
		e.tellOtherProxy(*agent.Proxy)
	}
	switch {
	case beat.Result == Failed:
	case err != nil: // an agent of an earlier release cannot be asked
		if beat.Result == OK {
			beat.Text += " (by this check: the running agent does not tell its own)"
			e.checks[fault.Heartbeat] = beat
		}
	case agent.Connected:
		e.set(fault.Heartbeat, OK, "the running agent is connected: "+agent.Text)
	case beat.Result == OK && agent.Code == "": // it has just been started
		e.set(fault.Heartbeat, OK, beat.Text+"; the running agent is connecting")
	case beat.Result == OK:
		e.checks[fault.Heartbeat] = Check{
			Step: fault.Heartbeat, Result: Failed, Code: agent.Code, Remedy: fault.Remedy(agent.Code),
			Text: "a new connection works, but the running agent is not connected: " + agent.Text,
		}
	default: // the step that failed says why
		e.set(fault.Heartbeat, Skipped, notReached+"; the running agent is not connected either")
	}
}

// tellOtherProxy says that the running agent goes another way than these checks.
func (e *examination) tellOtherProxy(proxy string) {
	if proxy == "" {
		proxy = "no proxy"
	}
	c, known := e.checks[fault.Proxy]
	if !known {
		c = Check{Step: fault.Proxy, Result: Skipped, Text: notReached}
	}
	c.Text += "; the running agent uses " + proxy + ": run doctor in its environment"
	e.checks[fault.Proxy] = c
}

// rounded leaves out digits that tell nothing.
func rounded(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
