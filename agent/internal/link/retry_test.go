package link

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

func closeStatus(code int) websocket.StatusCode { return websocket.StatusCode(code) }

func closedWith(code int) error {
	return &closedByManagerError{cause: websocket.CloseError{Code: closeStatus(code)}}
}

var errLost = errors.New("lost")

// welcomed is the outcome of a connection that was up for a while and had a welcome with this spread.
func welcomed(up, spread time.Duration) outcome {
	return outcome{err: errLost, up: up, welcome: &welcome{ReconnectSpreadMs: spread.Milliseconds()}}
}

// spread takes 2000 waits from fresh delays in the same state, and returns the shortest and the longest.
func spread(prepare func(*delays), o outcome) (low, high time.Duration) {
	low = time.Hour
	for range 2000 {
		d := newDelays()
		if prepare != nil {
			prepare(d)
		}
		wait := d.after(o)
		low, high = min(low, wait), max(high, wait)
	}
	return low, high
}

// wantSpread expects the shortest and the longest of 2000 waits within a fiftieth of the bounds. They are outside once in
// 10^17 runs.
func wantSpread(t *testing.T, name string, low, high, from, to time.Duration) {
	t.Helper()
	slack := (to - from) / 50
	if low < from || low > from+slack || high > to+1 || high < to-slack {
		t.Errorf("%s: waits are %v to %v, want %v to %v", name, low, high, from, to)
	}
}

func TestTheWindowGrowsWithTheTrouble(t *testing.T) {
	for trouble, to := range map[time.Duration]time.Duration{0: 2 * time.Second, time.Second: 2 * time.Second,
		10 * time.Second: 15 * time.Second, 20 * time.Second: 30 * time.Second, 40 * time.Second: time.Minute, time.Hour: time.Minute} {
		for _, asked := range []time.Duration{0, 20 * time.Second, 5 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				low, high := spread(func(d *delays) {
					d.record(welcomed(0, asked))
					d.after(outcome{err: errLost})
					time.Sleep(trouble)
					d.after(outcome{err: errLost}) // the number of failures makes no difference
				}, outcome{err: errLost})
				want := min(time.Minute, max(asked, to))
				// The window grows in steps of a tenth.
				if low > want/50 || high < want*49/50 || high > min(time.Minute, want*11/10) {
					t.Errorf("after %v, spread %v: waits are %v to %v, want 0 to %v", trouble, asked, low, high, want)
				}
			})
		}
	}
}

func TestTheLastWelcomeSetsTheSpread(t *testing.T) {
	low, high := spread(func(d *delays) {
		d.record(welcomed(0, 20*time.Second))
		d.after(welcomed(0, 0)) // a failure, too: it was never ready
	}, outcome{err: errLost})
	wantSpread(t, "the manager asks for no spread any more", low, high, 0, 2*time.Second)
}

func TestDelaysAfterALostConnection(t *testing.T) {
	const second = time.Second
	lost := func(up time.Duration) outcome { return welcomed(up, 3*second) }
	lose := func(d *delays) { d.after(lost(0)) }
	failures := func(d *delays) {
		d.after(outcome{err: errLost})
		time.Sleep(time.Minute)
	}
	flapping := func(d *delays) {
		d.after(lost(second))
		time.Sleep(time.Minute)
	}
	for _, c := range []struct {
		name     string
		before   func(*delays)
		o        outcome
		from, to time.Duration
	}{
		{"the first loss waits within the spread", nil, lost(second), 0, 3 * second},
		{"a stable connection starts afresh", failures, lost(time.Minute), 0, 3 * second},
		{"an unstable one does not", failures, lost(59 * second), 0, time.Minute},
		{"a flapping manager is not hammered", flapping, lost(second), 0, time.Minute},
		{"going away", flapping, outcome{err: closedWith(protocol.CloseGoingAway), up: second, welcome: &welcome{ReconnectSpreadMs: 5000}}, 0, 5 * second},
		{"going away before a welcome", lose, outcome{err: closedWith(protocol.CloseGoingAway)}, 0, 3 * second},
		{"replaced", nil, outcome{err: closedWith(protocol.CloseReplaced), up: second}, 2 * time.Minute, 4 * time.Minute},
		{"policy violation", nil, outcome{err: closedWith(protocol.ClosePolicyViolation), up: second}, 60 * second, 62 * second},
		{"rate limited", nil, outcome{err: closedWith(protocol.CloseRateLimited), up: second}, 60 * second, 62 * second},
		{"Retry-After", nil, outcome{err: &retryableError{fault: fault.New("busy", nil, "busy"), retryAfter: 30 * second}}, 30 * second, 32 * second},
	} {
		synctest.Test(t, func(t *testing.T) {
			low, high := spread(c.before, c.o)
			wantSpread(t, c.name, low, high, c.from, c.to)
		})
	}
}
