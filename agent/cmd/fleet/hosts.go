package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/zedops/zedops/agent/internal/identity"
)

// host holds the identity of one agent in memory. It is the [link.Store] of that agent's link only, and a link makes one
// call at a time.
type host struct {
	InstallID string `json:"installId"`
	Token     string `json:"token"` // empty before the enrolment
	Candidate string `json:"candidate,omitempty"`
}

func newHost() *host { return &host{InstallID: rand.Text()} }

func (h *host) Save(c identity.Credential) error {
	h.Token, h.Candidate = c.Token, ""
	return nil
}

func (h *host) SaveCandidate(token string) error {
	h.Candidate = token
	return nil
}

func (h *host) PromoteCandidate() error {
	h.Token, h.Candidate = h.Candidate, ""
	return nil
}

func (h *host) DropCandidate() error {
	h.Candidate = ""
	return nil
}

// Restore has nothing to do, because nobody can delete what is in memory.
func (h *host) Restore(identity.Tokens) (bool, error) { return false, nil }

// state is the content of the --state file.
type state struct {
	Manager string  `json:"manager"` // the tokens are sent to no other
	Hosts   []*host `json:"hosts"`
}

// load returns no hosts if there is no such file.
func load(path string, manager identity.Manager) ([]*host, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the identities: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("load the identities from %s: %w", path, err)
	}
	if s.Manager != manager.String() {
		return nil, fmt.Errorf("the identities in %s are for another manager: %s", path, s.Manager)
	}
	return s.Hosts, nil
}

// save writes the file that load reads.
func save(path string, manager identity.Manager, hosts []*host) error {
	text, err := json.Marshal(state{Manager: manager.String(), Hosts: hosts})
	if err != nil {
		return fmt.Errorf("save the identities: %w", err)
	}
	// The rename replaces the file completely or not at all, so a fleet that is killed meanwhile keeps the old identities.
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("save the identities: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("save the identities: %w", err)
	}
	return nil
}
