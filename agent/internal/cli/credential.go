package cli

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/zedops/zedops/agent/internal/identity"
)

// credential is a token and the manager it is sent to.
type credential struct {
	manager   identity.Manager
	token     string
	enrolled  bool   // whether token is the permanent one
	candidate string // the manager's replacement for a permanent token; may be empty
	name      string // for an enrolment; may be empty
}

// chooseCredential takes the stored credential if there is one. Otherwise it takes the enrolment token, and the manager
// of --manager, of the last enrolment, or the default, in this order. A stored token goes to its own manager only.
func chooseCredential(s settings, store *identity.Store, p process) (*credential, error) {
	stored, err := store.Credential()
	if err != nil {
		return nil, err
	}
	var given identity.Manager
	if s.manager != "" {
		if given, err = identity.ParseManager(s.manager); err != nil {
			return nil, &usageError{cause: err}
		}
	}
	if stored != nil {
		return storedCredential(s, store, *stored, given)
	}
	manager := given
	if s.manager == "" {
		if manager, err = store.Manager(); err != nil {
			return nil, err
		}
	}
	if manager == (identity.Manager{}) {
		if manager, err = identity.ParseManager(defaultManager); err != nil {
			return nil, err
		}
	}
	if s.name != "" {
		if err := checkName(s.name); err != nil {
			return nil, &usageError{cause: err}
		}
	}
	token, err := s.enrolment.Read(p.stdin, p.stderr)
	switch {
	case errors.Is(err, identity.ErrNoToken):
		return nil, err
	case err != nil:
		return nil, &usageError{cause: err}
	}
	return &credential{manager: manager, token: token, name: s.name}, nil
}

// storedCredential checks that the flags do not contradict the stored credential. given is the manager of --manager; zero
// without that flag.
func storedCredential(s settings, store *identity.Store, stored identity.Credential, given identity.Manager) (*credential, error) {
	if s.manager != "" && given != stored.Manager {
		return nil, &usageError{cause: fmt.Errorf(
			"this host is enrolled with %s, and its token is not for %s: leave --manager (or ZEDOPS_MANAGER) out, or enrol with the other manager under another --state-dir",
			stored.Manager, given)}
	}
	if s.enrolment.Given() {
		slog.Info("this host is enrolled already: the enrolment token is used only if the manager has removed or revoked it, or keeps refusing its token", "stateDir", s.stateDir)
	}
	name := s.name
	if name != "" {
		slog.Info("--name is used when enrolling: rename this host in the dashboard")
		if err := checkName(name); err != nil {
			slog.Warn("the name is not used, because the manager would refuse it", "error", err)
			name = ""
		}
	}
	if len(s.labels) > 0 {
		slog.Info("--label is used when enrolling: an operator changes the labels of this host")
	}
	candidate, err := store.Candidate()
	if err != nil {
		return nil, err
	}
	return &credential{manager: stored.Manager, token: stored.Token, enrolled: true, candidate: candidate, name: name}, nil
}
