package link

import (
	"sync/atomic"
	"time"
)

// The longest times without progress, for a watchdog. They leave room for a slow host: ending a healthy agent is worse than
// ending a wedged one late.
const (
	// longestAttempt is longer than an attempt may take: dial, welcome, registration, subscriptions and probe have ten
	// seconds each, and a person at a terminal has two minutes to paste a token.
	longestAttempt = 5 * time.Minute
	livenessSlack  = 30 * time.Second
)

// liveness tells whether an agent makes progress. Each step says when the next one is due. A time without a manager is no
// fault of the agent, as long as it waits and tries.
type liveness struct {
	started time.Time
	due     atomic.Int64 // nanoseconds after started, on the clock that stops while the host sleeps
}

func newLiveness() *liveness {
	l := &liveness{started: time.Now()}
	l.expectWithin(longestAttempt)
	return l
}

// expectWithin says when the next step is due. A nil liveness ignores it.
func (l *liveness) expectWithin(d time.Duration) {
	if l != nil {
		l.due.Store(int64(time.Since(l.started) + d + livenessSlack))
	}
}

// Overdue reports whether the agent should have made progress by now: received an answer to a heartbeat, ended the
// connection, or tried again. It may be called at any time.
func (l *Link) Overdue() bool { return int64(time.Since(l.liveness.started)) > l.liveness.due.Load() }
