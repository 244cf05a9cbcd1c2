package link

import (
	"context"
	"sync"

	"github.com/zedops/zedops/agent/internal/identity"
)

// Store has the tokens on disk. Its methods return when what they did would survive a power cut. *identity.Store is one.
type Store interface {
	Save(identity.Credential) error
	SaveCandidate(token string) error
	PromoteCandidate() error
	DropCandidate() error
}

// credential is what the agent shows its manager. The manager may offer a candidate for the token; until it has
// registered a connection that the candidate opened, both are good, and from then on the candidate alone.
type credential struct {
	manager identity.Manager
	store   Store

	mu             sync.Mutex // held while the store works, too
	token          string
	enrolled       bool   // whether token is the permanent one
	candidate      string // "": there is none
	candidateShown bool   // the candidate was shown last
	unpromoted     bool   // the store still has token as the candidate, and a void one in its place
}

// show returns the token to open the next connection with.
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

// enrol takes the permanent token that an enrolment token was answered with.
func (c *credential) enrol(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.store.Save(identity.Credential{Manager: c.manager, Token: token}); err != nil {
		return err
	}
	c.set(token, true)
	return nil
}

// reenrol goes on with an enrolment token. The caller has set the permanent one aside.
func (c *credential) reenrol(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(token, false)
}

func (c *credential) set(token string, enrolled bool) {
	c.token, c.enrolled = token, enrolled
	c.candidate, c.candidateShown, c.unpromoted = "", false, false
}

// offer stores a candidate, unless the connection that it came by has ended: between show and accept the candidate
// stays what it is.
func (c *credential) storeCandidate(ctx context.Context, candidate string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	// The file of the candidate may hold the only good token.
	if err := c.promote(); err != nil {
		return err
	}
	if err := c.store.SaveCandidate(candidate); err != nil {
		return err
	}
	c.candidate = candidate
	return nil
}

// accept is called when the manager has registered a connection. It reports whether that has made a candidate the
// token. After an error the store has it as the candidate still, and the next offer or registration tries again.
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

// reject goes back from the candidate to the token, and reports false if the candidate was not what was shown. After an
// error the store has the candidate still, and a later process will show it.
func (c *credential) rejectCandidate() (rejected bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.candidateShown {
		return false, nil
	}
	c.candidate, c.candidateShown = "", false
	return true, c.store.DropCandidate()
}
