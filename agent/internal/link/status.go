package link

import (
	"sync"
	"time"
)

// State is what a Link is doing.
type State string

const (
	Connecting State = "connecting" // an attempt is under way
	Connected  State = "connected"
	Waiting    State = "waiting" // for the next attempt
)

// Status is what an agent knows about its connection.
type Status struct {
	State        State
	Since        time.Time // when it connected or, in the other states, since when it has not been connected
	Acknowledged bool      // whether the manager has acknowledged a heartbeat of this connection
	AgentID      string    // empty before the first registration of this process, as is Name
	Name         string
	Proxy        string   // host and port on the way to the manager; empty without one
	Labels       []string // as of the last registration, as is the name; nil if the manager does not tell them
	RTTMs        *int64   // the last measurement; nil before the first
	SkewMs       *int64   // this host's clock minus the manager's; likewise
	Reconnects   int64
	Failed       int       // attempts in a row
	LastError    error     // nil if there was none
	LastErrorAt  time.Time // when it happened last
	ErrorSince   time.Time // when it happened first, with no other error since
	NextAttempt  time.Time // zero unless the state is Waiting
}

// reporter keeps the status of a Link for others. A nil reporter keeps none.
type reporter struct {
	mu      sync.Mutex
	status  Status
	observe func() // may be nil
	clock   clock
}

func newReporter(clock clock, observe func()) *reporter {
	return &reporter{status: Status{State: Connecting, Since: clock()}, observe: observe, clock: clock}
}

// change changes the status and then tells the observer.
func (r *reporter) change(apply func(*Status)) {
	if r == nil {
		return
	}
	r.mu.Lock()
	apply(&r.status)
	r.mu.Unlock()
	if r.observe != nil {
		r.observe()
	}
}

func (r *reporter) connecting() {
	r.change(func(s *Status) { s.State, s.NextAttempt = Connecting, time.Time{} })
}

func (r *reporter) connected(n session) {
	r.change(func(s *Status) {
		s.State, s.Since = Connected, r.clock()
		s.AgentID, s.Name, s.Labels, s.Failed = n.AgentID, n.Name, n.Labels, 0
	})
}

// acknowledged may come before connected, because heartbeats begin earlier.
func (r *reporter) acknowledged() {
	if r == nil {
		return
	}
	r.mu.Lock()
	before := r.status.Acknowledged
	r.mu.Unlock()
	if !before {
		r.change(func(s *Status) { s.Acknowledged = true })
	}
}

// ended is called after each attempt. err is nil if the manager asked for the end, and failed counts the failed attempts in
// a row.
func (r *reporter) ended(err error, failed int) {
	r.change(func(s *Status) {
		now := r.clock()
		if s.State == Connected {
			s.Since = now
		}
		s.State, s.Acknowledged, s.Failed = Waiting, false, failed
		if err == nil {
			return
		}
		if s.LastError == nil || s.LastError.Error() != err.Error() {
			s.ErrorSince = now
		}
		s.LastError, s.LastErrorAt = err, now
	})
}

func (r *reporter) waiting(until time.Time) {
	r.change(func(s *Status) { s.State, s.NextAttempt = Waiting, until })
}

// Status may be called at any time.
func (l *Link) Status() Status {
	l.reporter.mu.Lock()
	s := l.reporter.status
	l.reporter.mu.Unlock()
	s.RTTMs, s.SkewMs = l.stats.rttMs.Load(), l.stats.skewMs.Load()
	if proxy := l.proxy(); proxy != nil {
		s.Proxy = proxyAddress(proxy)
	}
	s.Reconnects = max(0, l.stats.connections.Load()-1)
	return s
}
