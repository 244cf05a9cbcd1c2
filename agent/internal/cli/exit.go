package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// Exit codes; the help of the commands explains them.
const (
	exitStopped     = 0
	exitFault       = 1
	exitUsage       = 64 // EX_USAGE; a crash of the Go runtime ends with 2
	exitNotRunning  = 69 // EX_UNAVAILABLE
	exitGaveUp      = 75 // EX_TEMPFAIL
	exitRefused     = 77 // EX_NOPERM
	exitNotEnrolled = 78 // EX_CONFIG
)

// usageError says that the agent was started with wrong flags or settings.
type usageError struct{ cause error }

func (u *usageError) Error() string { return u.cause.Error() }

func (u *usageError) Unwrap() error { return u.cause }

// exitCode is an error of a command that has said everything.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exit reports the error of a command and returns the exit code for it.
func exit(err error, c command, stderr io.Writer) int {
	var code exitCode
	var usage *usageError
	var gaveUp *link.GaveUpError
	var late *notConnectedError
	var refused *link.RefusedError
	if err == nil {
		return exitStopped
	}
	switch {
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "zedops-agent: %v\nSee \"zedops-agent help\" or \"zedops-agent %s --help\".\n", err, c.name)
		return exitUsage
	case c.logs:
		slog.Error(err.Error())
	default:
		fmt.Fprintf(stderr, "zedops-agent: %v\n", err)
	}
	switch {
	case errors.Is(err, identity.ErrNoToken):
		return exitNotEnrolled
	case errors.As(err, &gaveUp), errors.As(err, &late):
		return exitGaveUp
	case errors.As(err, &refused):
		return exitRefused
	default:
		return exitFault
	}
}
