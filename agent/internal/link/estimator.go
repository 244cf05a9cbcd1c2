package link

import "time"

// heartbeatData is the data of a heartbeat.
type heartbeatData struct {
	RTTMs  int64 `json:"rttMs"`
	SkewMs int64 `json:"skewMs"`
}

// rttEstimator measures the round trip time and the clock skew of one connection, and decides when to report them. Each
// report wakes the manager and costs it a write, so ordinary jitter must not cause one.
type rttEstimator struct {
	rttMs, skewMs int64
	clockStepped  bool // this host's clock was set: ask the manager for the time again
	measured      bool
	reported      *heartbeatData // the last report; nil if there was none
	changedInARow int            // how many of the latest measurements differ from the report
}

// measureRTT takes the round trip of a bare heartbeat.
func (e *rttEstimator) measureRTT(rtt time.Duration) {
	e.rttMs = min(rtt.Milliseconds(), 600_000)
	if !e.measured {
		e.measured = true
		e.skewMs -= e.rttMs / 2 // the welcome took this long to arrive
	}
	if e.reported == nil {
		return
	}
	if pathChanged(e.rttMs, e.reported.RTTMs) {
		e.changedInARow++
	} else {
		e.changedInARow = 0
	}
}

// pathChanged reports whether two round trip times belong to different paths: they differ by a factor of two, and by more
// than the noise of a local network.
func pathChanged(a, b int64) bool {
	low, high := min(a, b), max(a, b)
	return high >= 2*low && high-low >= 50
}

// measureSkew takes the manager's clock (Unix ms) and this host's clock in the middle of the same round trip.
func (e *rttEstimator) measureSkew(serverTime int64, here time.Time) {
	e.skewMs = here.UnixMilli() - serverTime
}

// shouldReport is true for the first measurement, for a new round trip time that shows twice in a row (a single spike
// does not count), for a skew that changed by more than a second, and to ask for the time.
func (e *rttEstimator) shouldReport() bool {
	if e.reported == nil || e.clockStepped || e.changedInARow >= 2 {
		return true
	}
	moved := e.skewMs - e.reported.SkewMs
	return moved > 1000 || moved < -1000
}

// report returns the measurements for the manager and remembers them as reported.
func (e *rttEstimator) report() heartbeatData {
	e.reported = &heartbeatData{RTTMs: e.rttMs, SkewMs: e.skewMs}
	e.clockStepped, e.changedInARow = false, 0
	return *e.reported
}
