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
	ordered      int                         // how often the manager has ordered the agent to come back since then
	floor        time.Duration               // the shortest wait before an ordered return, except for the first
}

func newDelays() *delays {
	d := &delays{growing: &backoff.ExponentialBackOff{InitialInterval: 2 * time.Second, Multiplier: 1.1, MaxInterval: time.Minute}, floor: time.Second}
	d.reset()
	return d
}

func (d *delays) reset() {
	d.growing.Reset()
	d.window = d.growing.NextBackOff()
	d.fresh, d.ordered = true, 0
}

// begin notes that there is trouble. It reports whether this is the first since the last stable connection.
func (d *delays) begin() bool {
	first := d.fresh
	if first {
		d.fresh, d.troubleSince = false, time.Now()
	}
	return first
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
	fresh := d.begin()
	var s *retryableError
	switch code := closeCode(o.err); {
	case code == protocol.CloseReplaced:
		// Two hosts with one identity replace each other again and again. A long wait makes that rare.
		return 2*time.Minute + randomUpTo(2*time.Minute)
	case code == protocol.CloseGoingAway && o.welcome != nil && d.spread > 0:
		return d.order(randomUpTo(d.spread))
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

// quickOrders is how many ordered returns may follow each other before they wait like failures: an operator may rotate a
// token and drain a hub a few times in a row.
const quickOrders = 10

// order returns the wait before a return that the manager has ordered, with a floor: no manager may make an agent dial in a
// loop.
func (d *delays) order(asked time.Duration) time.Duration {
	switch d.ordered++; {
	case d.ordered == 1:
		return asked
	case d.ordered <= quickOrders:
		return max(asked, d.floor)
	default:
		d.begin()
		return max(asked, d.floor+d.backoff())
	}
}

// The bounds of the wait after a refusal that may be a mistake.
const (
	shortestProbe = 5 * time.Minute
	longestProbe  = 30 * time.Minute
)

// afterRefusal returns the wait before the agent shows its refused tokens again. Its random part is as long as
// shortestProbe at least, so that a fleet that was refused at one moment does not come back at one moment.
func (d *delays) afterRefusal() time.Duration {
	d.begin()
	return shortestProbe + randomUpTo(min(longestProbe-shortestProbe, max(shortestProbe, time.Since(d.troubleSince)*3/2)))
}

// backoff is a random time within the window (full jitter). The window is 1.5 times as long as the trouble has lasted, from
// 2 s to 60 s. So all agents of one outage have the same window. If it doubled with each failure instead, every agent would
// have a different one: after an outage of 10 s, most agents would come back within 5 s, but the last only after 50 s. The
// window is never shorter than the manager's reconnectSpreadMs, or 60 s if that is longer, so that many agents do not come
// at once.
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
