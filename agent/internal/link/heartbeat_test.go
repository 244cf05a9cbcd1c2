package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// quick is a welcome whose heartbeats a test can wait for.
func quick(interval, lease time.Duration) managertest.Welcome {
	w := managertest.Defaults()
	w.HeartbeatIntervalMs, w.LeaseMs = interval.Milliseconds(), lease.Milliseconds()
	return w
}

func TestBeatsAtOnceAndThenAtTheInterval(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, quick(100*time.Millisecond, 10*time.Second))
	start := time.Now()
	beats := 0
	for beats < 4 {
		if m := p.Await(t, protocol.SubjectHeartbeat); m.Data == nil {
			beats++
		}
	}
	// The first heartbeat is sent at about the start, so the fourth comes three intervals later. On a slow machine it may
	// come late, but never early.
	if took := time.Since(start); took < 250*time.Millisecond {
		t.Errorf("four beats within %v", took)
	}
}

func TestASilentManagerIsLeft(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := m.Next(t)
	p.Register(t, quick(100*time.Millisecond, 150*time.Millisecond))
	p.ServeSilently()
	p.Await(t, protocol.SubjectEcho)
	if code, _ := p.AwaitClose(t); code != protocol.CloseNoSignOfLife {
		t.Errorf("it closed with %d", code)
	}
	r.log.says(t, "no sign of life")
	connected(t, m, r, managertest.Defaults())
}

func TestADeadPathIsLeftWithoutWaitingForItsClose(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := m.Next(t)
	p.Register(t, quick(100*time.Millisecond, 150*time.Millisecond))
	p.AnswerProbe(t)
	// From here on the peer reads nothing, so it answers neither heartbeat nor close.
	start := time.Now()
	connected(t, m, r, managertest.Defaults())
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v to come back", took)
	}
}

// The manager promises to notice within 40 s, and the agent not much later: docs/PROTOCOL.md "agent.heartbeat".
func TestADeadPathIsNoticedWithin45s(t *testing.T) {
	for name, goSilent := range map[string]func(*testing.T, *managertest.Peer){
		"that takes what is written": func(t *testing.T, p *managertest.Peer) {
			p.ServeSilently()
		},
		"on which writes block": func(t *testing.T, p *managertest.Peer) {
			for range 2 { // the first beat and the echo, and nothing is read after them
				if m := p.Receive(t); m.Subject == protocol.SubjectEcho {
					p.Send(t, `{"subject":"`+m.Reply+`","data":`+string(m.Data)+`}`)
				}
			}
		},
	} {
		for _, quiet := range []time.Duration{0, 5, 15, 28, 30} { // s since the first beat
			t.Run(fmt.Sprintf("%s, %d s after a beat", name, quiet), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m, r := inMemory(t, nil, nil)
					p := m.Next(t)
					p.Register(t, managertest.Defaults())
					goSilent(t, p)
					r.log.says(t, "msg=connected")
					beaten := time.Now()
					for _, sign := range []time.Duration{9, 29, quiet} { // of life; the last one comes as the path dies
						if sign <= quiet {
							time.Sleep(time.Until(beaten.Add(sign * time.Second)))
							p.Send(t, `{"subject":"anything"}`)
						}
					}
					dead := time.Now()
					for !strings.Contains(r.log.String(), "connection lost") {
						if time.Since(dead) > 45*time.Second {
							t.Fatal("it did not notice")
						}
						time.Sleep(100 * time.Millisecond)
					}
					connected(t, m, r, managertest.Defaults())
				})
			})
		}
	}
}

// The interval is shorter than the time for an answer here. So each answered heartbeat must restart the timer.
func TestADeadPathIsNoticedWithinALeaseOfManyBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		p := m.Next(t)
		p.Register(t, quick(time.Second, 5*time.Second))
		p.ServeSilently()
		r.log.says(t, "msg=connected")
		p.Send(t, `{"subject":"anything"}`)
		alive := time.Now()
		if code, _ := p.AwaitCloseWithin(t, time.Minute); code != protocol.CloseNoSignOfLife {
			t.Errorf("it closed with %d", code)
		}
		if took := time.Since(alive); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAnyFrameIsASignOfLife(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := m.Next(t)
	p.Register(t, quick(100*time.Millisecond, 600*time.Millisecond))
	p.ServeSilently()
	r.log.says(t, "msg=connected")
	for range 15 { // 1.5 s, three times as long as the agent accepts silence
		p.Await(t, protocol.SubjectHeartbeat)
		p.Send(t, `{"subject":"anything"}`)
	}
}

func TestReportsRoundTripAndSkewOnce(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	w := quick(50*time.Millisecond, 10*time.Second)
	w.ServerTime = time.Now().Add(time.Hour).UnixMilli() // this host is an hour behind
	p := connected(t, m, r, w)
	var reports []heartbeatData
	for beats := 0; beats < 8; {
		m := p.Await(t, protocol.SubjectHeartbeat)
		if m.Data == nil {
			beats++
			continue
		}
		var got heartbeatData
		if err := json.Unmarshal(m.Data, &got); err != nil {
			t.Fatal(err)
		}
		reports = append(reports, got)
	}
	const hour = 3_600_000
	if first := reports[0]; first.SkewMs > -hour+5000 || first.SkewMs < -hour-5000 || first.RTTMs < 0 {
		t.Errorf("it tells %+v", first)
	}
	// The answer to the first report shows that the welcome was an hour wrong, so a second report follows. More reports are
	// correct only if the round trip really changed, on a slow machine.
	if len(reports) < 2 {
		t.Fatalf("it tells %+v", reports)
	}
	for i, got := range reports[2:] {
		if !pathChanged(got.RTTMs, reports[i+1].RTTMs) {
			t.Errorf("it tells %+v", reports)
		}
	}
	p.Send(t, `{"subject":"agent.info","reply":"inbox.c7h2k9.m1"}`)
	var got info
	if err := json.Unmarshal(p.Await(t, "inbox.c7h2k9.m1").Data, &got); err != nil {
		t.Fatal(err)
	}
	if got.RTTMs == nil || got.SkewMs == nil || *got.SkewMs < -5000 || *got.SkewMs > 5000 {
		t.Errorf("agent.info says %+v", got)
	}
}

// beatTimes returns when the next n bare heartbeats arrive, after a start.
func beatTimes(t *testing.T, p *managertest.Peer, start time.Time, n int) []time.Duration {
	t.Helper()
	var times []time.Duration
	for len(times) < n {
		if m := p.Await(t, protocol.SubjectHeartbeat); m.Data == nil {
			times = append(times, time.Since(start))
		}
	}
	return times
}

func TestHeartbeatsFollowTheScheduleOfTheWelcome(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	w := quick(400*time.Millisecond, 10*time.Second)
	delay := int64(200)
	w.HeartbeatDelayMs = &delay
	start := time.Now()
	p := connected(t, m, r, w)
	// One at once, then 200 ms after the welcome, and then every 400 ms. Each may be late on a slow machine, but never early.
	for i, got := range beatTimes(t, p, start, 4) {
		if due := []time.Duration{0, 200, 600, 1000}[i] * time.Millisecond; got < due-20*time.Millisecond {
			t.Errorf("heartbeat %d came after %v, and was due after %v", i, got, due)
		}
	}
}

// The first two heartbeats may be closer together than a round trip lasts.
func TestEachHeartbeatIsMeasuredByItsOwnAck(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	run(t, m.URL, nil)
	w := quick(20*time.Second, 40*time.Second)
	delay := int64(100)
	w.HeartbeatDelayMs = &delay
	p := m.Next(t)
	p.Register(t, w)
	start := time.Now()
	for beats := 0; beats < 2; {
		switch m := p.Receive(t); m.Subject {
		case protocol.SubjectHeartbeat:
			beats++
		case protocol.SubjectEcho:
			p.Send(t, `{"subject":"`+m.Reply+`","data":`+string(m.Data)+`}`)
		}
	}
	time.Sleep(200 * time.Millisecond)
	answered := time.Since(start)
	for range 2 {
		p.Send(t, protocol.HeartbeatAck)
	}
	report := p.Receive(t)
	var data struct{ RTTMs int64 }
	if err := json.Unmarshal(report.Data, &data); err != nil {
		t.Fatal(err)
	}
	// The first heartbeat was sent at about the start; the second one 100 ms after the welcome.
	if low := answered.Milliseconds() - 50; data.RTTMs < low {
		t.Errorf("the report says %d ms, and the answer took at least %d ms", data.RTTMs, low)
	}
}

func TestACorrectionMovesTheSchedule(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, quick(2*time.Second, 10*time.Second))
	beatTimes(t, p, time.Now(), 1)
	start := time.Now()
	p.Send(t, `{"subject":"agent.heartbeat.align","data":{"delayMs":300}}`)
	times := beatTimes(t, p, start, 3)
	if times[0] > 250*time.Millisecond && times[0] < 300*time.Millisecond {
		t.Errorf("the first came after %v, and not at once", times[0])
	}
	if times[1] < 280*time.Millisecond || times[2] < 2280*time.Millisecond {
		t.Errorf("they came after %v, and were due after 300 ms and 2.3 s", times)
	}
	if times[2] > 4300*time.Millisecond {
		t.Errorf("the schedule begins anew with each heartbeat: %v", times)
	}
}

func TestAnUnusableCorrectionIsIgnored(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, quick(300*time.Millisecond, 10*time.Second))
	for _, data := range []string{`{}`, `{"delayMs":-1}`, `{"delayMs":"soon"}`, `null`, `[]`, `{"delayMs":1e400}`} {
		p.Send(t, `{"subject":"agent.heartbeat.align","data":`+data+`}`)
	}
	p.Send(t, `{"subject":"agent.heartbeat.align"}`)
	beatTimes(t, p, time.Now(), 3)
}
