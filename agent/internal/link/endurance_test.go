package link

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// tally counts log lines by message, and keeps none.
type tally struct {
	mu    sync.Mutex
	lines map[string]int
}

func (l *tally) Write(line []byte) (int, error) {
	_, message, _ := bytes.Cut(line, []byte(`"msg":"`))
	message, _, _ = bytes.Cut(message, []byte(`"`))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[string(message)]++
	if bytes.Contains(line, []byte(`"offlineFor":`)) {
		l.lines["summary"]++
	}
	return len(line), nil
}

func (l *tally) count(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[message]
}

// held is what a process must not gather.
type held struct {
	goroutines, files int
	heap              uint64 // bytes
}

func holding(t *testing.T) held {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return held{runtime.NumGoroutine(), len(files), memory.HeapAlloc}
}

// A day on a path that fails every half minute, with its waits and intervals cut to milliseconds.
func TestADayOfFlappingLeavesNothingBehind(t *testing.T) {
	const day, early = 24 * 60 * 2, 300
	var refusing atomic.Int64 // upgrades yet to be refused
	m := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
		if refusing.Add(-1) < 0 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	log := &tally{lines: map[string]int{}}
	r := run(t, m.URL, func(l *Link) {
		l.log = slog.New(slog.NewJSONHandler(log, nil))
		l.router.log = l.log
		l.delays.growing.InitialInterval, l.delays.growing.MaxInterval = time.Millisecond, time.Millisecond
		l.delays.reset()
	})
	usual := managertest.Defaults()
	usual.ReconnectSpreadMs = 1
	silent := usual
	silent.HeartbeatIntervalMs, silent.LeaseMs = 10, 30

	faults := []struct {
		welcome managertest.Welcome
		refused int64 // upgrades after it
		end     func(*managertest.Peer)
	}{
		{usual, 0, (*managertest.Peer).Reset},
		{usual, 0, func(p *managertest.Peer) { p.Close(protocol.CloseGoingAway, "going_away") }},
		{usual, 2, (*managertest.Peer).Drop},
		{silent, 0, func(p *managertest.Peer) { <-p.Closed }},
		{usual, 0, func(p *managertest.Peer) {
			p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":1}}`)
			<-p.Closed
		}},
		{usual, 1, func(p *managertest.Peer) { p.Close(1000, "") }},
	}
	var before held
	drains, losses := 0, 0
	for n := range day {
		fault := faults[n%len(faults)]
		p := m.Next(t)
		p.Register(t, fault.welcome)
		if fault.welcome == silent {
			p.ServeSilently()
		} else {
			p.Serve()
		}
		eventually(t, func() bool { return r.vitals.connections.Load() == int64(n+1) }, "ready")
		if n == early {
			before = holding(t)
		}
		if n == day-1 {
			break
		}
		if n%len(faults) == 4 {
			drains++
		} else {
			losses++
		}
		refusing.Store(fault.refused)
		fault.end(p)
	}

	var after held
	eventually(t, func() bool {
		after = holding(t)
		return after.goroutines <= before.goroutines+2 && after.files <= before.files+2 && after.heap < before.heap+256<<10
	}, "flat")
	t.Logf("after %d connections %+v, after %d %+v", early, before, day, after)
	for message, want := range map[string]int{
		"connected": 1, "reconnected": day - 1, "connection lost, retrying": losses, "summary": losses,
		"the manager asked to reconnect": drains, "cannot connect, retrying": 0, "connecting": 0, "waiting to connect again": 0,
	} {
		if got := log.count(message); got != want {
			t.Errorf("%q was logged %d times, want %d", message, got, want)
		}
	}
}
