package cli

import (
	"context"
	"log/slog"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// reenrolment reads the enrolment token of a host that is enrolled already. It does so only when the manager has refused
// the host's own tokens, because nobody should be asked for the token of a host whose credential is good.
type reenrolment struct {
	source identity.EnrolmentSource
	store  *identity.Store
	process
	read  chan struct{} // nil until somebody wants the token; closed when it has been read
	token string
	err   error
}

// newReenrolment returns the function with which a host enrols again. It is nil if the host is not enrolled, or if no
// enrolment token was given.
func newReenrolment(s settings, store *identity.Store, enrolled bool, p process) func(context.Context, *link.RefusedError) (string, error) {
	if !enrolled || !s.enrolment.Given() {
		return nil
	}
	return (&reenrolment{source: s.enrolment, store: store, process: p}).replaceCredential
}

// replaceCredential returns the enrolment token. If the manager has removed or revoked the host, it first sets the refused
// credential aside. Otherwise the credential stays until the manager has registered the host with the enrolment token.
func (r *reenrolment) replaceCredential(ctx context.Context, refused *link.RefusedError) (string, error) {
	if r.read == nil {
		slog.Warn("the manager refused this host's credential, trying the enrolment token", "code", refused.Code, "message", refused.Message)
		r.read = make(chan struct{})
		go func() { // so that a terminal at which nobody types delays neither a shutdown nor an attempt with the credential
			r.token, r.err = r.source.Read(r.stdin, r.stderr)
			close(r.read)
		}()
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-r.read:
	}
	if !refused.RemovedOrRevoked() {
		return r.token, r.err
	}
	if r.err != nil {
		slog.Warn("the enrolment token cannot be used, so the credential stays", "error", r.err)
		return "", refused
	}
	// The credential is set aside first: if the state cannot be written, the enrolment token must not be used up.
	path, err := r.store.SetAside()
	if err != nil {
		return "", err
	}
	slog.Info("the refused credential is set aside", "path", path)
	return r.token, nil
}
