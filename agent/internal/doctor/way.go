package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// checkWay checks the steps that need the network, and the clock, which the manager's answer tells.
func (e *examination) checkWay(ctx context.Context, manager identity.Manager, state identity.Inspection) {
	if e.config.UseProxy != nil {
		if err := e.config.UseProxy(manager); err != nil {
			e.fail(fault.Proxy, &fault.Fault{Code: fault.ProxyUnusable, Step: fault.Proxy, Text: err.Error(), Cause: err})
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
		if state.Credential == nil {
			e.skip(fault.Credential, "this host is not enrolled with a manager")
		} else {
			e.skip(fault.Credential, "this host is enrolled with %s, and its token is for no other manager", state.Credential.Manager)
		}
	}
	e.checkClock(ctx, l, found)
	e.askAgent(ctx, state)
}

// tellSteps gives each step before the one that failed its ok.
func (e *examination) tellSteps(manager identity.Manager, found link.Findings) {
	way := fault.Steps[slices.Index(fault.Steps, fault.Names):]
	for _, step := range way {
		if step == found.Step {
			if found.Err != nil {
				e.fail(step, found.Err)
			}
			return
		}
		e.tellOK(step, manager, found)
	}
}

func (e *examination) tellOK(step fault.Step, manager identity.Manager, found link.Findings) {
	switch step {
	case fault.Names:
		switch {
		case len(found.Addresses) > 0:
			e.ok(step, "%s", strings.Join(found.Addresses, ", "))
		case found.Proxy != "":
			e.ok(step, "not needed: the proxy's URL has an address")
		default:
			e.ok(step, notAddressed)
		}
	case fault.Proxy:
		if found.Proxy == "" {
			e.ok(step, "none is set")
		} else {
			e.ok(step, "%s", found.Proxy)
		}
	case fault.TCP:
		if found.Proxy == "" {
			e.ok(step, "connected to %s", found.Connected)
		} else {
			e.ok(step, "connected through the proxy")
		}
	case fault.TLS:
		if found.TLS != nil {
			e.ok(step, "%s", describeTLS(found.TLS))
		} else if manager.IsUnencrypted() {
			e.skip(step, "the manager's URL begins with http://, so the token crosses the network unencrypted")
		} else {
			e.skip(step, "the manager's URL begins with http://, on this host itself")
		}
	case fault.Upgrade:
		if found.Welcomed {
			e.ok(step, "a WebSocket opens and the manager welcomes this host")
		} else {
			e.ok(step, "the request for a WebSocket reaches the manager")
		}
	case fault.Credential:
		e.ok(step, "the manager accepts the token")
	case fault.Heartbeat:
		e.ok(step, "answered in %s", rounded(found.Beat))
	}
}

func describeTLS(state *tls.ConnectionState) string {
	text := tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		text += fmt.Sprintf(", certificate valid until %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return text
}

func (e *examination) checkClock(ctx context.Context, l *link.Link, found link.Findings) {
	skew, known := found.Skew, found.HasSkew
	if !known {
		skew, known = l.SkewBeyondDates(ctx, found.Err)
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	switch text := fmt.Sprintf("%s %s the manager's", rounded(skew.Abs()), direction); {
	case !known && e.checks[fault.Upgrade].Result == OK:
		e.skip(fault.Clock, "the manager's answer has no date")
	case !known:
	case skew.Abs() > largestSkew:
		e.fail(fault.Clock, &fault.Fault{Code: fault.ClockWrong, Step: fault.Clock, Text: "this host's clock is " + text})
	default:
		e.ok(fault.Clock, "%s", text)
	}
}

// askAgent lets the running agent say whether it is connected. It is asked even if the way of a new connection fails: the
// connection of the agent may be older than the fault.
func (e *examination) askAgent(ctx context.Context, state identity.Inspection) {
	beat, reached := e.checks[fault.Heartbeat]
	if !reached {
		beat.Result = Skipped
	}
	if !state.Running || e.config.Ask == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, agentLimit)
	defer cancel()
	agent, err := e.config.Ask(ctx)
	switch {
	case err != nil: // an agent of an earlier release cannot be asked
		if beat.Result == OK {
			e.ok(fault.Heartbeat, "%s (by this check: the running agent does not tell its own)", beat.Text)
		}
	case !agent.Connected && beat.Result == Skipped: // the step that failed says why
		e.skip(fault.Heartbeat, "%s; the running agent is not connected either", notReached)
	case !agent.Connected && beat.Result == OK:
		e.fail(fault.Heartbeat, &fault.Fault{Code: agent.Code, Step: fault.Heartbeat, Text: "the running agent is not connected: " + agent.Text})
	case agent.Connected && beat.Result != Failed:
		e.ok(fault.Heartbeat, "the running agent is connected: %s", agent.Text)
	}
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
