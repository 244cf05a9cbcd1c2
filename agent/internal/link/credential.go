package link

import (
	"context"
	"sync"

	"github.com/zedops/zedops/agent/internal/identity"
)

// Store keeps the tokens on disk. When a method returns, its change survives a power cut. *identity.Store is a Store.
type Store interface {
	Save(identity.Credential) error
	SaveCandidate(token string) error
	PromoteCandidate() error
	DropCandidate() error
}

// credential is the token that the agent presents to its manager. The manager may offer a candidate to replace it. Both
// are valid until the manager registers a connection that was opened with the candidate. Then only the candidate is.
type credential struct {
	manager identity.Manager
	store   Store

	mu             sync.Mutex // also held while the store works
	token          string
	enrolled       bool   // whether token is the permanent one
	candidate      string // empty if there is none
	candidateShown bool   // the agent presented the candidate last
	unpromoted     bool   // the store still has token as the candidate, and the old token in its place
}

// present returns the token for the next connection.
func (c *credential) present() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.candidateShown = c.candidate != ""; c.candidateShown {
		return c.candidate
	}
	return c.token
}

func (c *credential) isEnrolled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.enrolled
}

// enrol stores the permanent token that the manager gave for an enrolment token.
func (c *credential) enrol(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.store.Save(identity.Credential{Manager: c.manager, Token: token}); err != nil {
		return err
	}
	c.set(token, true)
	return nil
}

// reenrol continues with an enrolment token. The caller has set the permanent token aside.
func (c *credential) reenrol(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(token, false)
}

func (c *credential) set(token string, enrolled bool) {
	c.token, c.enrolled = token, enrolled
	c.candidate, c.candidateShown, c.unpromoted = "", false, false
}

// storeCandidate does nothing once the connection of the offer has ended: the candidate must not change between present
// and accept.
func (c *credential) storeCandidate(ctx context.Context, candidate string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	// The candidate's file may hold the only valid token.
	if err := c.promote(); err != nil {
		return err
	}
	if err := c.store.SaveCandidate(candidate); err != nil {
		return err
	}
	c.candidate = candidate
	return nil
}

// accept is called when the manager has registered a connection. It reports whether the candidate has become the token.
// After an error the store still has that token as the candidate. The next offer or registration tries again.
func (c *credential) accept() (rotated bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.candidateShown {
		c.set(c.candidate, true)
		c.unpromoted, rotated = true, true
	}
	return rotated, c.promote()
}

func (c *credential) promote() error {
	if !c.unpromoted {
		return nil
	}
	if err := c.store.PromoteCandidate(); err != nil {
		return err
	}
	c.unpromoted = false
	return nil
}

// rejectCandidate goes back from the candidate to the token. It reports false if the agent did not present the candidate.
// After an error the store still has the candidate, and a later process presents it.
func (c *credential) rejectCandidate() (rejected bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.candidateShown {
		return false, nil
	}
	c.candidate, c.candidateShown = "", false
	return true, c.store.DropCandidate()
}
