package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// Exit codes; the help text explains them.
const (
	exitStopped     = 0
	exitFault       = 1
	exitUsage       = 2
	exitGaveUp      = 75 // EX_TEMPFAIL
	exitRefused     = 77 // EX_NOPERM
	exitNotEnrolled = 78 // EX_CONFIG
)

// usageError says that the agent was started with wrong flags or settings.
type usageError struct{ cause error }

func (u *usageError) Error() string { return u.cause.Error() }

func (u *usageError) Unwrap() error { return u.cause }

// exit reports an error and returns the exit code for it.
func exit(err error, stderr io.Writer) int {
	var usage *usageError
	var gaveUp *link.GaveUpError
	var refused *link.RefusedError
	if err == nil {
		return exitStopped
	}
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "zedops-agent: %v\nSee zedops-agent --help.\n", err)
		return exitUsage
	}
	if errors.Is(err, errUnhealthy) { // the report has told
		return exitFault
	}
	slog.Error(err.Error())
	switch {
	case errors.Is(err, identity.ErrNoToken):
		return exitNotEnrolled
	case errors.As(err, &gaveUp):
		return exitGaveUp
	case errors.As(err, &refused):
		return exitRefused
	default:
		return exitFault
	}
}
