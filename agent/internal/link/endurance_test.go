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

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// tally counts log lines by message, without storing them.
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

// texts is the number of different messages.
func (l *tally) texts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lines)
}

// held counts the resources that a process must not leak.
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
	runtime.GC() // frees the memory of the first run's finalizers
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return held{goroutines: runtime.NumGoroutine(), files: len(files), heap: memory.HeapAlloc}
}

// A day with a failure every 43 s. Waits and intervals are cut to milliseconds.
func TestADayOfFlappingLeavesNothingBehind(t *testing.T) {
	const day, early = 2000, 200
	var refusing atomic.Int64 // how many upgrades to refuse
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
		retryQuickly(l)
	})
	usual := managertest.Defaults()
	usual.ReconnectSpreadMs = 1
	silent := usual
	silent.HeartbeatIntervalMs, silent.LeaseMs = 10, 30

	type fault struct {
		refused int64 // how many upgrades are refused after it
		end     func(*managertest.Peer)
	}
	faults := []fault{
		{refused: 0, end: (*managertest.Peer).Reset},
		{refused: 0, end: func(p *managertest.Peer) { p.Close(protocol.CloseGoingAway, "going_away") }},
		{refused: 2, end: (*managertest.Peer).Drop},
		{refused: 1, end: func(p *managertest.Peer) { p.Close(1000, "") }},
	}
	drain := fault{refused: 0, end: func(p *managertest.Peer) {
		p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":1}}`)
		<-p.Closed
	}}
	silence := fault{refused: 0, end: func(p *managertest.Peer) { <-p.Closed }}

	var before held
	drains, losses, refusals := 0, 0, 0
	slowAt := -1
	for n := 0; n < day; {
		f, w := faults[n%len(faults)], usual
		switch n % 24 {
		case 7:
			f = drain
		case 15: // rarely, because it is slow
			f, w = silence, silent
		}
		p := m.Next(t)
		p.Register(t, w)
		if w.LeaseMs == silent.LeaseMs {
			p.ServeSilently()
		} else {
			p.Serve()
		}
		ready := func() bool { return r.stats.connections.Load() == int64(n+1) }
		eventually(t, func() bool { return ready() || len(p.Closed) > 0 }, "ready")
		if !ready() { // the machine is so slow that silence ended the connection first
			if n != slowAt { // each outage logs a kind of error once
				slowAt = n
				refusals++
			}
			continue
		}
		if n++; n == early {
			before = holding(t)
		}
		if n == day {
			break
		}
		if (n-1)%24 == 7 {
			drains++
		} else {
			losses++
		}
		if f.refused > 0 {
			refusals++
		}
		refusing.Store(f.refused)
		f.end(p)
	}

	var after held
	eventually(t, func() bool {
		after = holding(t)
		return after.goroutines <= before.goroutines+2 && after.files <= before.files+2 && after.heap < before.heap+256<<10
	}, "flat")
	t.Logf("after %d connections %+v, after %d %+v", early, before, day, after)
	for message, want := range map[string]int{
		"connected": 1, "reconnected": day - 1, "connection lost, retrying": losses, "summary": losses,
		"the manager asked to reconnect": drains, "cannot connect, retrying": refusals, "connecting": 0, "waiting to connect again": 0,
	} {
		if got := log.count(message); got != want {
			t.Errorf("%q was logged %d times, want %d", message, got, want)
		}
	}
}
