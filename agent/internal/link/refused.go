package link

import (
	"context"
	"errors"
	"time"
)

// confirmation is the shortest wait before the agent shows its refused tokens again and then an enrolment token. So a
// mistake that is undone within a minute costs no host its identity. It ends while a new enrolment token is still good.
const confirmation = time.Minute

// promptLimit is the time that a person at a terminal gets to paste an enrolment token before the agent tries its own
// tokens again.
const promptLimit = 2 * time.Minute

// onRefused decides what follows a refusal: docs/PROTOCOL.md "Refusals". again is the wait before the next attempt. An
// error ends Run.
func (l *Link) onRefused(ctx context.Context, refused *RefusedError) (again time.Duration, err error) {
	switch {
	case !l.credential.isEnrolled():
		if !l.credential.hasOwn() {
			return 0, refused
		}
		l.config.Reenrol = nil
		l.log.Warn("the manager refused the enrolment token, too: the agent goes on trying its own tokens", "code", refused.Code, "message", refused.Message)
	case refused.RemovedOrRevoked():
		return 0, l.replaceTokens(ctx, refused)
	case l.credential.refuse():
		if l.refusedRounds == 0 {
			l.log.Warn("the manager refused the token that it had offered, going back to the old one", "code", refused.Code, "message", refused.Message)
		}
		l.inRound = true
		return 0, nil
	case l.config.Reenrol != nil && l.refusedRounds > 0 && l.tryEnrolment(ctx, refused):
		l.inRound = true
		return 0, nil
	}
	l.inRound = false
	l.refusedRounds++
	if l.config.Reenrol == nil {
		return l.delays.afterRefusal(), nil
	}
	if l.refusedRounds == 1 {
		l.log.Info("if the manager still refuses this agent in 1 to 2 minutes, it enrols anew with the enrolment token")
	}
	return confirmation + randomUpTo(confirmation), nil
}

// replaceTokens continues with an enrolment token, if there is one, in the place of the agent's own.
func (l *Link) replaceTokens(ctx context.Context, refused *RefusedError) error {
	reenrol := l.config.Reenrol
	l.config.Reenrol = nil // a used enrolment token does not bring the same host back
	if reenrol == nil {
		return refused
	}
	token, err := reenrol(ctx, refused)
	if err != nil {
		return err
	}
	l.credential.reenrol(token)
	return nil
}

// tryEnrolment adds the enrolment token to this round. It reports false if there is none, or none yet.
func (l *Link) tryEnrolment(ctx context.Context, refused *RefusedError) bool {
	limited, cancel := context.WithTimeout(ctx, promptLimit)
	defer cancel()
	token, err := l.config.Reenrol(limited, refused)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return false
	case err != nil:
		l.config.Reenrol = nil
		l.log.Warn("the enrolment token cannot be used: the agent goes on trying its own tokens", "error", err)
		return false
	}
	l.credential.tryEnrolment(token)
	return true
}
