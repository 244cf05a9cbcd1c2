package link

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// settable is a wall clock that the test can step against the monotonic clock.
type settable struct{ ahead atomic.Int64 }

func (s *settable) now() time.Time { return time.Now().Round(0).Add(time.Duration(s.ahead.Load())) }

func (s *settable) step(d time.Duration) { s.ahead.Add(int64(d)) }

const year = 365 * 24 * time.Hour

// heard returns the heartbeats since the last call: the number of bare ones, and the data of the others.
func heard(t *testing.T, p *managertest.Peer) (beats int, told []heartbeatData) {
	t.Helper()
	for len(p.Seen) > 0 {
		m := <-p.Seen
		switch {
		case m.Subject != protocol.SubjectHeartbeat:
		case m.Data == nil:
			beats++
		default:
			var r heartbeatData
			if err := json.Unmarshal(m.Data, &r); err != nil {
				t.Fatal(err)
			}
			told = append(told, r)
		}
	}
	return beats, told
}

// soonAfterABeat returns 10 s after the next heartbeat, so that no other is due soon.
func soonAfterABeat(t *testing.T, p *managertest.Peer) {
	t.Helper()
	for beats := 0; beats == 0; beats, _ = heard(t, p) {
		time.Sleep(time.Second)
	}
	time.Sleep(9 * time.Second)
	heard(t, p)
}

func TestAHostThatSleptSendsAHeartbeatSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wall settable
		m, r := inMemory(t, nil, func(l *Link) { l.clock = wall.now })
		p := connected(t, m, r, managertest.Defaults())
		for _, slept := range []time.Duration{10 * time.Second, time.Hour, 30 * 24 * time.Hour} {
			soonAfterABeat(t, p)
			wall.step(slept)
			time.Sleep(clockLook)
			if beats, _ := heard(t, p); beats != 1 {
				t.Errorf("after a sleep of %v: %d beats", slept, beats)
			}
		}
		time.Sleep(time.Hour)
		if n := r.stats.connections.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestADeadPathIsLeftSoonAfterASleep(t *testing.T) {
	for name, before := range map[string]time.Duration{"idle": 20 * time.Second, "with a beat under way": 31 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wall settable
				m, r := inMemory(t, nil, func(l *Link) { l.clock = wall.now })
				p := m.Next(t)
				p.Register(t, managertest.Defaults())
				p.ServeSilently()
				r.log.says(t, "msg=connected")
				time.Sleep(5 * time.Second)
				p.Send(t, `{"subject":"anything"}`) // the first beat has its sign of life
				time.Sleep(before - 5*time.Second)
				wall.step(time.Hour)
				woke := time.Now()
				if code, _ := p.AwaitCloseWithin(t, time.Minute); code != protocol.CloseNoSignOfLife {
					t.Errorf("it closed with %d", code)
				}
				if took := time.Since(woke); took < 10*time.Second || took > 21*time.Second {
					t.Errorf("it left after %v", took)
				}
				r.log.says(t, `lastSign="1h`) // the hour asleep counts
				connected(t, m, r, managertest.Defaults())
			})
		})
	}
}

func TestAClockThatStepsAllTheTimeDoesNotKeepADeadPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wall settable
		m, r := inMemory(t, nil, func(l *Link) {
			l.clock = func() time.Time { wall.step(10 * time.Second); return wall.now() }
		})
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		p.ServeSilently()
		r.log.says(t, "msg=connected")
		p.AwaitCloseWithin(t, 45*time.Second)
	})
}

func TestAClockThatIsSetCostsNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wall settable
		m, r := inMemory(t, nil, func(l *Link) { l.clock = wall.now })
		p := connected(t, m, r, managertest.Defaults())
		time.Sleep(time.Minute)
		lines := strings.Count(r.log.String(), "\n")
		for i, step := range []time.Duration{year, -year, -year, year} {
			soonAfterABeat(t, p)
			wall.step(step)
			time.Sleep(11 * time.Second)
			beats, told := heard(t, p)
			if probes := map[bool]int{true: 1, false: 0}[step > 0]; beats != probes { // a clock that is set back is no sleep
				t.Errorf("step %d: %d beats, want %d", i, beats, probes)
			}
			time.Sleep(time.Minute)
			beats, more := heard(t, p)
			if told = append(told, more...); beats != 2 || len(told) != 2 {
				t.Fatalf("step %d: then %d beats, and it told %+v", i, beats, told)
			}
			skew := wall.ahead.Load() / int64(time.Millisecond)
			if told[1].SkewMs != skew || *r.stats.skewMs.Load() != skew {
				t.Errorf("step %d: it told a skew of %d ms, want %d", i, told[1].SkewMs, skew)
			}
		}
		if more := strings.Count(r.log.String(), "\n") - lines; more != 4 || strings.Count(r.log.String(), "level=DEBUG msg=\"this host slept") != 4 {
			t.Errorf("four steps gave %d lines", more)
		}
		wall.step(year)
		p.Drop()
		connected(t, m, r, managertest.Defaults())
		r.log.says(t, fmt.Sprintf("skewMs=%d", wall.ahead.Load()/int64(time.Second))) // and three digits for the ms
		if n := r.stats.connections.Load(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// attemptAfterSleep returns when a supervisor makes its second attempt, if the host sleeps 10 s after the first.
func attemptAfterSleep(t *testing.T, o outcome, slept time.Duration, prepare func(*delays)) time.Duration {
	t.Helper()
	var wall settable
	d := newDelays()
	prepare(d)
	s := supervisor{delays: d, clock: wall.now, log: slog.New(slog.DiscardHandler)}
	var first, second time.Time
	s.connect = func(context.Context, func(session)) outcome {
		if first.IsZero() {
			first = time.Now()
			if o.drain != nil {
				o.drain.until = first.Add(o.drain.delay)
			}
			go func() {
				time.Sleep(10 * time.Second)
				wall.step(slept)
			}()
			return o
		}
		second = time.Now()
		return outcome{err: &RefusedError{}}
	}
	s.onRefused = func(_ context.Context, r *RefusedError) (time.Duration, error) { return 0, r }
	_ = s.run(t.Context())
	return second.Sub(first)
}

func TestAHostThatWakesDoesNotWaitOutItsDelay(t *testing.T) {
	for name, c := range map[string]struct {
		o        outcome
		slept    time.Duration
		from, to time.Duration
	}{
		"replaced, for minutes":                {outcome{err: closedWith(protocol.CloseReplaced)}, time.Hour, 10 * time.Second, 11 * time.Second},
		"Retry-After is over":                  {outcome{err: &retryableError{fault: fault.New("busy", nil, "busy"), retryAfter: 5 * time.Minute}}, time.Hour, 10 * time.Second, 11 * time.Second},
		"Retry-After is not over":              {outcome{err: &retryableError{fault: fault.New("busy", nil, "busy"), retryAfter: 5 * time.Minute}}, 2 * time.Minute, 3 * time.Minute, 3*time.Minute + 2*time.Second},
		"a drain is over":                      {outcome{drain: &drain{delay: 10 * time.Minute}}, time.Hour, 10 * time.Second, 11 * time.Second},
		"a drain is not over":                  {outcome{drain: &drain{delay: 10 * time.Minute}}, 7 * time.Minute, 3 * time.Minute, 3 * time.Minute},
		"a clock that is set back is no sleep": {outcome{drain: &drain{delay: 10 * time.Minute}}, -year, 10 * time.Minute, 10 * time.Minute},
		"nor is one that drifts":               {outcome{drain: &drain{delay: 10 * time.Minute}}, time.Second, 10 * time.Minute, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := attemptAfterSleep(t, c.o, c.slept, func(*delays) {}); got < c.from || got > c.to {
					t.Errorf("it came after %v, want %v to %v", got, c.from, c.to)
				}
			})
		})
	}
}

func TestDelaysStartAfreshAfterASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDelays()
		for range 10 {
			d.after(outcome{err: errLost})
		}
		attemptAfterSleep(t, outcome{err: &retryableError{fault: fault.New("busy", nil, "busy"), retryAfter: 5 * time.Minute}}, time.Hour, func(fresh *delays) { *fresh = *d; d = fresh })
		if wait := d.after(outcome{err: errLost}); wait > 2*time.Second {
			t.Errorf("the first failure after a sleep waits %v", wait)
		}
	})
}

func TestARetryAfterDateIsReadByTheSendersClock(t *testing.T) {
	for _, off := range []time.Duration{0, year, -year} {
		synctest.Test(t, func(t *testing.T) {
			var wall settable
			wall.step(off)
			var asked []time.Time
			_, r := inMemory(t, func(w http.ResponseWriter, _ *http.Request) bool {
				asked = append(asked, time.Now())
				w.Header().Set("Retry-After", time.Now().Add(5*time.Minute).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}, func(l *Link) { l.clock, l.config.MaxRetries = wall.now, 2 })
			time.Sleep(20 * time.Minute)
			_ = r.ended(t)
			if len(asked) != 2 || asked[1].Sub(asked[0]) < 299*time.Second || asked[1].Sub(asked[0]) > 303*time.Second {
				t.Errorf("with a clock off by %v it asked at %v", off, asked)
			}
		})
	}
}
