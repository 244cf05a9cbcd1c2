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
	Restore(identity.Tokens) (restored bool, err error)
}

// credential holds the tokens that the agent presents to its manager. The manager may offer a candidate to replace the
// permanent token. Both are valid until the manager registers a connection that was opened with the candidate. Then only
// the candidate is.
//
// The tokens are presented in rounds: the candidate, the permanent token, the enrolment token. A refused one gives way to
// the next, and is presented again in the next round, because the refusal may be a mistake.
type credential struct {
	manager identity.Manager
	store   Store

	mu         sync.Mutex // also held while the store works
	token      string     // the permanent one; empty before the enrolment
	candidate  string     // empty if there is none
	enrolment  string     // empty if there is none, or not in this round
	shown      kind       // what the agent presented last
	refused    kind       // the last kind of this round that the manager refused
	unpromoted bool       // the store still has token as the candidate, and the old token in its place
}

// kind is a kind of token, in the order of a round.
type kind int

const (
	noToken kind = iota
	candidateToken
	permanentToken
	enrolmentToken
)

func newCredential(c Config) *credential {
	own := &credential{manager: c.Manager, store: &serialStore{store: c.Store}}
	if c.Enrolled {
		own.token, own.candidate = c.Token, c.Candidate
	} else {
		own.enrolment = c.Token
	}
	return own
}

// next is the first token of the round that the manager has not refused.
func (c *credential) next() (kind, string) {
	switch {
	case c.refused < candidateToken && c.candidate != "":
		return candidateToken, c.candidate
	case c.refused < permanentToken && c.token != "":
		return permanentToken, c.token
	case c.refused < enrolmentToken && c.enrolment != "":
		return enrolmentToken, c.enrolment
	}
	return noToken, ""
}

// present returns the token for the next connection. A new round begins with the agent's own tokens.
func (c *credential) present(newRound bool) (token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if newRound {
		if c.refused = noToken; c.token != "" {
			c.enrolment = ""
		}
	}
	c.shown, token = c.next()
	return token
}

// isEnrolled reports whether the agent presented a token of its own last.
func (c *credential) isEnrolled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown != enrolmentToken
}

// hasOwn reports whether the agent has a token of its own, shown or not.
func (c *credential) hasOwn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token != ""
}

// refuse takes the presented token out of this round. It reports whether another one is left.
func (c *credential) refuse() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = c.shown
	left, _ := c.next()
	return left != noToken
}

// enrol stores the permanent token that the manager gave for an enrolment token.
func (c *credential) enrol(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.store.Save(identity.Credential{Manager: c.manager, Token: token}); err != nil {
		return err
	}
	c.set(token)
	return nil
}

// reenrol continues with an enrolment token, because the caller has set the agent's own tokens aside for good.
func (c *credential) reenrol(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set("")
	c.enrolment = token
}

// tryEnrolment adds an enrolment token to this round. The agent's own tokens stay.
func (c *credential) tryEnrolment(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enrolment = token
}

// set makes the permanent token the only one.
func (c *credential) set(token string) {
	c.token, c.candidate, c.enrolment = token, "", ""
	c.shown, c.refused, c.unpromoted = permanentToken, noToken, false
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
// After an error the store is behind: it still has the candidate. The next offer or registration tries again to promote it,
// and the next process presents it first.
func (c *credential) accept() (rotated bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown == candidateToken {
		c.set(c.candidate)
		c.unpromoted = true
		return true, c.promote()
	}
	if c.refused == candidateToken {
		// The manager refused the candidate and has registered the token. So the token is good, and one is enough.
		c.candidate, c.refused = "", noToken
		return false, c.store.DropCandidate()
	}
	return false, c.promote()
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
