// Package fault names what can go wrong between this host and its manager. Each fault has a stable code, the step at which
// it shows, and a remedy in plain words. The log and the commands share them.
package fault

import (
	"errors"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// Step is one of the steps from a host to its manager.
type Step string

// The steps, in their order.
const (
	State      Step = "state"
	Clock      Step = "clock"
	Names      Step = "names"
	Proxy      Step = "proxy"
	TCP        Step = "tcp"
	TLS        Step = "tls"
	Upgrade    Step = "upgrade"
	Credential Step = "credential"
	Heartbeat  Step = "heartbeat"
)

// Steps are all steps in their order.
var Steps = []Step{State, Clock, Names, Proxy, TCP, TLS, Upgrade, Credential, Heartbeat}

// Fault is an error in an operator's words. errors.Is and errors.As find its cause, which the text leaves out.
type Fault struct {
	Code  Code
	Step  Step   // empty if the step does not tell anything
	Text  string // what is wrong, with the names of this host
	Cause error  // may be nil
}

// Error says what is wrong, and what an operator can do.
func (f *Fault) Error() string {
	if remedy := Remedy(f.Code); remedy != "" {
		return f.Text + ": " + remedy
	}
	return f.Text
}

func (f *Fault) Unwrap() error { return f.Cause }

// FaultCode is the code, for CodeOf.
func (f *Fault) FaultCode() Code { return f.Code }

// CodeOf returns the code of an error: its own, or the manager's. Every error has one.
func CodeOf(err error) Code {
	var coded interface{ FaultCode() Code }
	var wire *protocol.WireError
	switch {
	case errors.As(err, &coded):
		return coded.FaultCode()
	case errors.As(err, &wire):
		return Code(wire.Code)
	}
	return Other
}
