// Package doctor checks each step from this host to its manager, and says at the first that fails what is wrong and what an
// operator can do. It goes the way of the agent with the agent's own code, so both find the same.
package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// Limit ends a run, whatever the network does. The question to the agent comes after it.
const Limit = 22 * time.Second

const (
	stateLimit  = 5 * time.Second // a network file system may hang
	largestSkew = 5 * time.Minute // far more than NTP lets a clock drift
	notReached  = "not reached"
)

// Config says which host and manager to check.
type Config struct {
	StateDir string
	Manager  string // of --manager; empty: that of the last enrolment, else Default
	Default  string // the manager of a host that knows no other
	Version  string

	Authorities *x509.CertPool // as in link.Config
	Proxy       func(*http.Request) (*url.URL, error)
	Clock       func() time.Time
	StepTimeout time.Duration

	// OfAgent says that the environment is that of the running agent.
	OfAgent bool
	// UseProxy prepares the proxy of the environment for a manager, or says why it cannot be used. It may be nil.
	UseProxy func(identity.Manager) error
	// Ask asks the agent that runs with the state directory, for at most 5 s. It may be nil.
	Ask func() (Agent, error)
}

// Agent is what the running agent says of itself.
type Agent struct {
	Connected bool
	Text      string     // since when, or what keeps it away
	Code      fault.Code // of what keeps it away; empty if nothing has failed yet
	Proxy     *string    // host and port; empty without one; nil if the agent does not tell
}

// examination collects the checks of one run.
type examination struct {
	config  Config
	checks  map[fault.Step]Check
	secrets []string
}

// Run checks every step. Its error says that the manager's URL of the flags cannot be used.
func Run(ctx context.Context, c Config) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	e := &examination{config: c, checks: map[fault.Step]Check{}}
	state, isRead := e.checkState(ctx)
	manager, err := e.chooseManager(state, isRead)
	if err != nil {
		return Report{}, err
	}
	if manager != (identity.Manager{}) {
		e.checkWay(ctx, manager, state, isRead)
	}
	return e.report(manager), nil
}

// set has many callers; the binary is smaller if it is not copied into each.
//
//go:noinline
func (e *examination) set(step fault.Step, result Result, text string) {
	e.checks[step] = Check{Step: step, Result: result, Text: text}
}

func (e *examination) fail(step fault.Step, err error) {
	code := fault.CodeOf(err)
	c := Check{Step: step, Result: Failed, Code: code, Text: err.Error(), Remedy: fault.Remedy(code)}
	var f *fault.Fault
	var refused *link.RefusedError
	switch {
	case errors.As(err, &refused):
		c.Text, c.Remedy = "the manager refused this agent ("+refused.Message+")", refused.Advice
	case errors.As(err, &f):
		c.Text = f.Text()
	}
	e.checks[step] = c
}

func (e *examination) report(manager identity.Manager) Report {
	r := Report{Manager: manager.String(), Healthy: true}
	for _, step := range fault.Steps {
		c, known := e.checks[step]
		if !known {
			c = Check{Step: step, Result: Skipped, Text: notReached}
		}
		// A manager may send a token back in its message.
		for _, secret := range e.secrets {
			c.Text = strings.ReplaceAll(c.Text, secret, "…")
		}
		r.Healthy = r.Healthy && c.Result != Failed
		r.Checks = append(r.Checks, c)
	}
	return r
}

// checkState reports whether the state directory could be read.
func (e *examination) checkState(ctx context.Context) (state identity.Inspection, isRead bool) {
	var err error
	done := make(chan error, 1)
	found := new(identity.Inspection) // of the goroutine until it is done
	go func() {
		inspected, err := identity.Inspect(e.config.StateDir)
		*found = inspected
		done <- err
	}()
	ctx, cancel := context.WithTimeout(ctx, stateLimit)
	defer cancel()
	select {
	case err = <-done:
		state = *found
	case <-ctx.Done(): // the look at it ends with the process
		e.fail(fault.State, fault.New(fault.StateUnreadable, nil, e.config.StateDir, "its file system does not answer"))
		return state, false
	}
	if state.Credential != nil {
		e.secrets = append(e.secrets, state.Credential.Token)
	}
	if state.Candidate != "" {
		e.secrets = append(e.secrets, state.Candidate)
	}
	if err != nil {
		e.fail(fault.State, err)
		code := fault.CodeOf(err)
		return state, code == fault.StateOpen || code == fault.StateUnwritable
	}
	enrolled, runs := "not enrolled", "no agent runs"
	if state.Credential != nil {
		enrolled = "enrolled"
	}
	if state.Running {
		runs = "an agent runs"
	} else if !state.Exists {
		runs = "the directory is made at the first start"
	}
	e.set(fault.State, OK, e.config.StateDir+": "+enrolled+", "+runs)
	return state, true
}

// chooseManager follows the agent: the flag, the last enrolment, the default. It returns the zero Manager if only a state
// directory that cannot be read may know it.
func (e *examination) chooseManager(state identity.Inspection, isRead bool) (identity.Manager, error) {
	switch {
	case e.config.Manager != "":
		return identity.ParseManager(e.config.Manager)
	case state.Manager != (identity.Manager{}):
		return state.Manager, nil
	case state.Credential != nil:
		return state.Credential.Manager, nil
	case !isRead:
		return identity.Manager{}, nil
	}
	if c := e.checks[fault.State]; c.Result == OK {
		e.set(fault.State, OK, c.Text+"; no manager is known, so the default is checked: --manager names another")
	}
	return identity.ParseManager(e.config.Default)
}
