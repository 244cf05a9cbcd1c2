package systemd

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// listen is systemd's end. It returns the states that arrive.
func listen(t *testing.T, name string) <-chan string {
	t.Helper()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	states := make(chan string, 64)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := socket.Read(buffer)
			if err != nil {
				return
			}
			states <- string(buffer[:n])
		}
	}()
	t.Setenv("NOTIFY_SOCKET", name)
	return states
}

func await(t *testing.T, states <-chan string, want string) {
	t.Helper()
	select {
	case got := <-states:
		if got != want {
			t.Errorf("systemd got %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("systemd never got %q", want)
	}
}

func TestSendsToAPathAndToAnAbstractName(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, "@zedops-notify-"+strconv.Itoa(os.Getpid()))
	}
	for _, name := range names {
		states := listen(t, name)
		n, err := New()
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("NOTIFY_SOCKET") != "" {
			t.Error("a child process could speak for the agent")
		}
		n.Send("READY=1", "STATUS=the manager said:\nno")
		await(t, states, "READY=1\nSTATUS=the manager said: no")
		n.Close()
	}
}

func TestWithoutSystemdNothingIsSent(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := New()
	if n != nil || err != nil {
		t.Fatalf("got %v, %v", n, err)
	}
	n.Send("READY=1")
	f := n.Feed(time.Second, func() bool { t.Error("somebody asked"); return true })
	f.Awake()
	f.Stop()
	n.Close()
}

func TestASocketThatCannotBeUsedIsNamed(t *testing.T) {
	for _, name := range []string{"vsock:2:1", filepath.Join(t.TempDir(), "missing")} {
		t.Setenv("NOTIFY_SOCKET", name)
		if n, err := New(); err == nil || n != nil {
			t.Errorf("%s: got %v, %v", name, n, err)
		}
	}
}

func TestAFullSocketDelaysNobodyForLong(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}) // nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		since := time.Now()
		for i := 0; i < 1_000_000 && time.Since(since) < sendLimit; i++ {
			n.Send("WATCHDOG=1")
		}
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for ever")
	}
}

func TestTheWatchdogInterval(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0}, {"180000000", "", 3 * time.Minute}, {"180000000", own, 3 * time.Minute}, {"180000000", "1", 0},
		{"-1", own, 0}, {"x", own, 0}, {"99999999999999999999", own, 0},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := WatchdogInterval(); got != c.want {
			t.Errorf("%q, %q: %v, want %v", c.usec, c.pid, got, c.want)
		}
	}
}

func TestFeedsTheWatchdogWhileTheAgentIsWell(t *testing.T) {
	states := listen(t, filepath.Join(t.TempDir(), "notify"))
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var well atomic.Bool
	well.Store(true)
	var asked atomic.Int64
	f := n.Feed(20*time.Millisecond, func() bool { asked.Add(1); return well.Load() })
	for range 3 {
		await(t, states, "WATCHDOG=1")
	}
	well.Store(false)
	for before := asked.Load(); asked.Load() < before+3; {
		time.Sleep(time.Millisecond)
	}
	for len(states) > 0 {
		<-states
	}
	for before := asked.Load(); asked.Load() < before+3; {
		time.Sleep(time.Millisecond)
	}
	if len(states) > 0 {
		t.Errorf("an agent that is not well sent %q", <-states)
	}
	well.Store(true)
	await(t, states, "WATCHDOG=1")
	f.Stop()
	f.Awake()
	time.Sleep(50 * time.Millisecond) // a feed that had begun
	before := asked.Load()
	time.Sleep(100 * time.Millisecond)
	if asked.Load() != before {
		t.Error("it goes on after its end")
	}
}

func TestAProcessThatIsAwakeFeedsTheWatchdogEarly(t *testing.T) {
	states := listen(t, filepath.Join(t.TempDir(), "notify"))
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	const longest = time.Hour
	f := n.Feed(4*longest, func() bool { return true })
	defer f.Stop()
	await(t, states, "WATCHDOG=1")
	for isOver := false; !isOver; time.Sleep(time.Millisecond) { // the first feed
		f.mu.Lock()
		isOver = !f.fed.IsZero()
		f.mu.Unlock()
	}
	fedAgo := func(ago time.Duration) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.fed = time.Now().Add(-ago)
	}
	fedAgo(longest / 2)
	f.Awake() // it is too early
	fedAgo(longest)
	f.Awake()
	await(t, states, "WATCHDOG=1")
	time.Sleep(100 * time.Millisecond)
	if len(states) > 0 {
		t.Errorf("it also sent %q", <-states)
	}
}
