package link

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// inMemory runs an enrolled Link against a manager in the same synctest bubble.
func inMemory(t *testing.T, intercept func(http.ResponseWriter, *http.Request) bool, change func(*Link)) (*managertest.Manager, *running) {
	t.Helper()
	m, dial := managertest.StartInMemory(t, intercept)
	return m, run(t, m.URL, func(l *Link) {
		l.http.Transport = &http.Transport{DialContext: metered(dial), MaxIdleConnsPerHost: -1}
		if change != nil {
			change(l)
		}
	})
}

func TestReconnectsWhenTheManagerAsks(t *testing.T) {
	for name, c := range map[string]struct {
		frames []string
		close  bool // the manager closes with 4503 right after the frames
		after  time.Duration
	}{
		"after the delay":               {[]string{`{"subject":"agent.reconnect","data":{"delayMs":4200}}`}, false, 4200 * time.Millisecond},
		"though the manager closes":     {[]string{`{"subject":"agent.reconnect","data":{"delayMs":4200}}`}, true, 4200 * time.Millisecond},
		"at once":                       {[]string{`{"subject":"agent.reconnect","data":{"delayMs":0}}`}, true, 0},
		"within the hour":               {[]string{`{"subject":"agent.reconnect","data":{"delayMs":1e15}}`}, true, time.Hour},
		"as it was asked rightly first": {[]string{`{"subject":"agent.reconnect"}`, `{"subject":"agent.reconnect","data":{"delayMs":7000}}`}, true, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := inMemory(t, nil, func(l *Link) { l.config.MaxRetries = 1 })
				w := managertest.Defaults()
				w.ReconnectSpreadMs = 600_000
				p := connected(t, m, r, w)
				asked := time.Now()
				for _, frame := range c.frames {
					p.Send(t, frame)
				}
				if c.close {
					p.Close(protocol.CloseGoingAway, "going_away")
				} else if code, reason := p.AwaitClose(t); code != 1012 || reason != "reconnecting" {
					t.Errorf("it closed with %d %q", code, reason)
				}
				r.log.says(t, `level=INFO msg="the manager asked to reconnect" delay=`+c.after.String())
				if time.Sleep(time.Until(asked.Add(c.after - time.Millisecond))); len(m.Peers) > 0 && c.after > 0 {
					t.Error("it came early")
				}
				connected(t, m, r, w)
				if late := time.Since(asked) - c.after; late > 100*time.Millisecond {
					t.Errorf("it came %v late", late)
				}
				r.log.says(t, "msg=reconnected")
				if log := r.log.String(); strings.Contains(log, "connection lost") || strings.Contains(log, "failedAttempts") {
					t.Error("it takes it for a failure")
				}
			})
		})
	}
}

func TestARequestToReconnectIsAnsweredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		p := connected(t, m, r, managertest.Defaults())
		p.Send(t, `{"subject":"agent.reconnect","reply":"inbox.c7h2k9.m1","data":{"delayMs":"soon"}}`)
		if got := p.Await(t, inbox(1)); got.Error == nil || got.Error.Code != protocol.InvalidData {
			t.Errorf("got %+v", got)
		}
		p.Send(t, `{"subject":"agent.reconnect","reply":"inbox.c7h2k9.m2","data":{"delayMs":0}}`)
		if got := p.Await(t, inbox(2)); string(got.Data) != "{}" {
			t.Errorf("got %+v", got)
		}
		connected(t, m, r, managertest.Defaults())
	})
}

func TestReconnectsWhenAskedBeforeTheRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, func(l *Link) { l.config.MaxRetries = 1 })
		p := m.Next(t)
		p.Welcome(t, managertest.Defaults())
		p.Receive(t)
		asked := time.Now()
		p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":5000}}`)
		connected(t, m, r, managertest.Defaults())
		if took := time.Since(asked); took < 5*time.Second {
			t.Errorf("it came after %v", took)
		}
	})
}

func TestAnInvalidDelayIsIgnored(t *testing.T) {
	for _, data := range []string{``, `null`, `7`, `{}`, `{"delayMs":null}`, `{"delayMs":"1"}`, `{"delayMs":-1}`, `{"delayMs":-1e400}`, `{"delayMs":[1]}`,
		`{"delayMs":1,"delayMs":"1"}`, `{"DelayMs":1}`, `[{"delayMs":1}]`, `{"delayMs":true}`} {
		if d, failure := parseReconnect(json.RawMessage(data), time.Now()); d != nil || failure == nil {
			t.Errorf("%s: %+v", data, d)
		}
	}
	for data, want := range map[string]time.Duration{
		`{"delayMs":1e400}`: time.Hour, `{"delayMs":9223372036854775808}`: time.Hour, `{"delayMs":1` + strings.Repeat("0", 400) + `}`: time.Hour,
		`{"delayMs":3600001}`: time.Hour, `{"delayMs":-0}`: 0, `{"delayMs":-0.0e5}`: 0, `{"delayMs":1e-400}`: 0, `{"delayMs":4.2e3}`: 4200 * time.Millisecond,
		`{"delayMs":0.5}`: 500 * time.Microsecond, `{"delayMs":"1","delayMs":7}`: 7 * time.Millisecond, `{"delayMs":7,"x":1e400,"x":2}`: 7 * time.Millisecond,
	} {
		if d, failure := parseReconnect(json.RawMessage(data), time.Now()); failure != nil || d.delay != want {
			t.Errorf("%s: %+v, %v, want %v", data, d, failure, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		p := connected(t, m, r, managertest.Defaults())
		p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":-1}}`)
		r.log.says(t, "delayMs is not a number")
		p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":1}`) // the connection is still up
		p.Await(t, inbox(1))
		p.Close(protocol.CloseGoingAway, "going_away")
		connected(t, m, r, managertest.Defaults())
		r.log.says(t, `lastError="the manager closed the connection (4503 going_away)"`)
	})
}

func TestAShutdownDoesNotWaitForTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		p := connected(t, m, r, managertest.Defaults())
		p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":600000}}`)
		r.log.says(t, "waiting to connect again")
		stopped := time.Now()
		r.stop()
		if err := r.ended(t); err != nil || time.Since(stopped) > 10*time.Millisecond {
			t.Errorf("it ended with %v after %v", err, time.Since(stopped))
		}
	})
}

func TestTheFirstDelayCounts(t *testing.T) {
	c := &connection{draining: make(chan struct{}), log: slog.New(slog.DiscardHandler)}
	for _, data := range []string{`{"delayMs":7000}`, `{"delayMs":1}`} {
		c.handleReconnect(protocol.Message{Data: json.RawMessage(data)}, time.Now())
	}
	if c.drain.delay != 7*time.Second {
		t.Errorf("it waits %v", c.drain.delay)
	}
}

func TestARefusalCountsMoreThanADelay(t *testing.T) {
	refused := &RefusedError{Code: protocol.AgentRevoked}
	s := supervisor{delays: newDelays(), clock: time.Now, log: slog.New(slog.DiscardHandler)}
	s.onRefused = func(_ context.Context, r *RefusedError) (time.Duration, error) { return 0, r }
	s.connect = func(context.Context, func(session)) outcome { return outcome{err: refused, drain: &drain{}} }
	if err := s.run(t.Context()); err != refused {
		t.Errorf("it ended with %v", err)
	}
}
