package cli

import (
	"context"
	"log/slog"
	"os"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// reenrolment returns the function with which a removed or revoked host enrols again. It is nil if the host is not
// enrolled, or if no enrolment token was given.
func reenrolment(s settings, store *identity.Store, enrolled bool) func(context.Context, *link.RefusedError) (string, error) {
	if !enrolled || !s.enrolment.Given() {
		return nil
	}
	return func(ctx context.Context, refused *link.RefusedError) (string, error) {
		return replaceCredential(ctx, s.enrolment, store, refused)
	}
}

// replaceCredential sets the refused credential aside and returns the enrolment token. It reads the token only now,
// because nobody should be asked for the token of a host whose credential is good.
func replaceCredential(ctx context.Context, enrolment identity.EnrolmentSource, store *identity.Store, refused *link.RefusedError) (string, error) {
	slog.Warn("the manager refused this host's credential, trying the enrolment token", "code", refused.Code, "message", refused.Message)
	var token string
	var err error
	read := make(chan struct{})
	go func() { // so that a terminal at which nobody types does not delay a shutdown
		token, err = enrolment.Read(os.Stdin, os.Stderr)
		close(read)
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-read:
	}
	if err != nil {
		slog.Warn("the enrolment token cannot be used, so the credential stays", "error", err)
		return "", refused
	}
	// The credential is set aside first: if the state cannot be written, the enrolment token must not be used up.
	path, err := store.SetAside()
	if err != nil {
		return "", err
	}
	slog.Info("the refused credential is set aside", "path", path)
	return token, nil
}
