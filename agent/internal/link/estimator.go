package link

import "time"

// reading is the data of a heartbeat.
type heartbeatData struct {
	RTTMs  int64 `json:"rttMs"`
	SkewMs int64 `json:"skewMs"`
}

// gauge follows round trips and clock skew on one connection, and decides when they are worth a message: each wakes the
// manager and costs it a write, so ordinary jitter must not.
type rttEstimator struct {
	rttMs, skewMs int64
	clockStepped  bool // this host's clock was set: ask the manager for the time again
	measured      bool
	reported      *heartbeatData
	changedInARow int // measurements in a row that are unlike what was told
}

// measure takes the round trip of a bare beat.
func (g *rttEstimator) measureRTT(rtt time.Duration) {
	g.rttMs = min(rtt.Milliseconds(), 600_000)
	if !g.measured {
		g.measured = true
		g.skewMs -= g.rttMs / 2 // the welcome's way here
	}
	if g.reported == nil {
		return
	}
	if pathChanged(g.rttMs, g.reported.RTTMs) {
		g.changedInARow++
	} else {
		g.changedInARow = 0
	}
}

// unlike is a difference that tells of another path: a factor of two, and more than any local network's noise.
func pathChanged(a, b int64) bool {
	low, high := min(a, b), max(a, b)
	return high >= 2*low && high-low >= 50
}

// tellTime takes the manager's clock (Unix ms), and what this host's said in the middle of that round trip.
func (g *rttEstimator) measureSkew(serverTime int64, here time.Time) {
	g.skewMs = here.UnixMilli() - serverTime
}

// worthTelling is true for the first measurement, for a new round trip time that shows twice in a row (a lone spike is
// no news), for a skew that moved by more than a second, and to ask for the time.
func (g *rttEstimator) shouldReport() bool {
	if g.reported == nil || g.clockStepped || g.changedInARow >= 2 {
		return true
	}
	moved := g.skewMs - g.reported.SkewMs
	return moved > 1000 || moved < -1000
}

// tell returns what to report, and counts as having reported it.
func (g *rttEstimator) report() heartbeatData {
	g.reported = &heartbeatData{RTTMs: g.rttMs, SkewMs: g.skewMs}
	g.clockStepped, g.changedInARow = false, 0
	return *g.reported
}
