// Package fault names what can go wrong between this host and its manager. The log and the commands share its codes, texts
// and remedies.
package fault

import (
	"errors"
	"strings"

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
	Cause error // may be nil

	args  [mostArgs]string
	count int // of the arguments
}

// mostArgs is how many % a text has at most.
const mostArgs = 3

// New returns a fault; cause may be nil. The arguments stand for each % in the text of the code. It copies them: so they stay
// on the stack of its many callers, and the binary is smaller.
//
//go:noinline
func New(code Code, cause error, args ...string) *Fault {
	f := &Fault{Code: code, Cause: cause}
	f.count = copy(f.args[:], args)
	return f
}

// Step is where the fault shows; it is empty if the code does not tell.
func (f *Fault) Step() Step { return kindOf(f.Code).step }

// Text says what is wrong.
func (f *Fault) Text() string {
	text := kindOf(f.Code).text
	for _, arg := range f.args[:f.count] {
		before, after, _ := strings.Cut(text, "%")
		text = before + strings.ReplaceAll(arg, "%", percent) + after
	}
	return strings.ReplaceAll(text, percent, "%")
}

// percent stands for a percent sign of an argument while others are filled in.
const percent = "\x00"

// Error says what is wrong, and what an operator can do.
func (f *Fault) Error() string {
	if remedy := Remedy(f.Code); remedy != "" {
		return f.Text() + ": " + remedy
	}
	return f.Text()
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

// Remedy says what an operator can do about a code; it is empty if there is nothing more to say.
func Remedy(code Code) string { return kindOf(code).remedy }

func kindOf(code Code) *kind {
	for i := range kinds {
		if kinds[i].code == code {
			return &kinds[i]
		}
	}
	return &unknown
}

// unknown is the kind of a code that only the manager knows.
var unknown = kind{text: "%"}
