package link

import (
	"testing"
	"time"
)

func TestShouldReport(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	g := rttEstimator{}
	told := func(rtt int, want bool) {
		t.Helper()
		g.measureRTT(ms(rtt))
		got := g.shouldReport()
		if got != want {
			t.Errorf("%d ms after %+v: %v", rtt, g.reported, got)
		}
		if got {
			g.report()
		}
	}
	told(20, true)  // the first
	told(60, false) // three times as much, but within the noise of a local network
	told(900, false)
	told(21, false) // that was a spike
	told(90, false)
	told(95, true) // a new path, seen twice
	told(100, false)
	told(20, false)
	told(20, true)
	told(700_000, false)
	told(700_000, true)
	if g.reported.RTTMs != 600_000 {
		t.Errorf("it tells %d ms, more than the protocol allows", g.reported.RTTMs)
	}
	g.skewMs = g.reported.SkewMs - 1001
	told(700_000, true)
	g.clockStepped = true
	told(700_000, true)
	told(700_000, false)
}
