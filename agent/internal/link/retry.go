package link

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v6"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// stableAfter is the time that a connection must stay up before the delays start again from the smallest. Otherwise agents
// would hammer a manager that drops them right after they register.
const stableAfter = time.Minute

// delays decides how long to wait before the next attempt.
type delays struct {
	growing      *backoff.ExponentialBackOff // makes the windows: each is a little wider, without jitter
	window       time.Duration               // a wait is a random time within it
	spread       time.Duration               // the reconnectSpreadMs of the last welcome
	fresh        bool                        // there was no trouble since the last stable connection
	troubleSince time.Time                   // when the trouble began; unused while fresh
}

func newDelays() *delays {
	d := &delays{growing: &backoff.ExponentialBackOff{InitialInterval: 2 * time.Second, Multiplier: 1.1, MaxInterval: time.Minute}}
	d.reset()
	return d
}

func (d *delays) reset() {
	d.growing.Reset()
	d.window = d.growing.NextBackOff()
	d.fresh = true
}

// record remembers the parts of an outcome that later waits depend on.
func (d *delays) record(o outcome) {
	if o.welcome != nil {
		d.spread = o.welcome.spread()
	}
	if o.up >= stableAfter {
		d.reset()
	}
}

// after returns the wait after an attempt.
func (d *delays) after(o outcome) time.Duration {
	d.record(o)
	fresh := d.fresh
	if fresh {
		d.fresh, d.troubleSince = false, time.Now()
	}
	var s *retryableError
	switch code := closeCode(o.err); {
	case code == protocol.CloseReplaced:
		// Two hosts with one identity replace each other again and again. A long wait makes that rare.
		return 2*time.Minute + randomUpTo(2*time.Minute)
	case code == protocol.CloseGoingAway && o.welcome != nil && d.spread > 0:
		return randomUpTo(d.spread)
	case code == protocol.ClosePolicyViolation, code == protocol.CloseRateLimited:
		return time.Minute + d.backoff()
	case errors.As(o.err, &s) && s.retryAfter > 0:
		// The wait comes on top of Retry-After: agents with the same Retry-After must not all come at the same time.
		return s.retryAfter + d.backoff()
	case o.up > 0 && fresh:
		return randomUpTo(d.spread)
	default:
		return d.backoff()
	}
}

// backoff is a random time within the window (full jitter). The window is 1.5 times as long as the trouble has lasted, from
// 2 s to 60 s. So all agents of one outage have the same window. If it doubled with each failure instead, every agent would
// have a different one: after an outage of 10 s, most agents would come back within 5 s, but the last only after 50 s. The
// window is never shorter than the manager's reconnectSpreadMs, so that many agents do not come at once.
func (d *delays) backoff() time.Duration {
	for wanted := min(time.Since(d.troubleSince)*3/2, d.growing.MaxInterval); d.window < wanted; {
		d.window = d.growing.NextBackOff()
	}
	return randomUpTo(min(d.growing.MaxInterval, max(d.spread, d.window)))
}

// randomUpTo returns whole milliseconds, so that the log shows the exact wait.
func randomUpTo(limit time.Duration) time.Duration {
	return time.Duration(rand.Int64N(limit.Milliseconds()+1)) * time.Millisecond
}
