// Package systemd tells the service manager how the agent is: sd_notify(3) without libsystemd.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Notifier sends states to systemd. A nil Notifier sends nothing: the agent was not started by a unit with Type=notify.
type Notifier struct{ socket *net.UnixConn }

// New opens the socket that NOTIFY_SOCKET names: a path, or a name in the abstract namespace after an @. It is nil without
// that variable. It removes the variable, so that no child process speaks for the agent.
func New() (*Notifier, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	os.Unsetenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is neither a path nor an abstract name: %s", name)
	}
	socket, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("open NOTIFY_SOCKET: %w", err)
	}
	return &Notifier{socket: socket}, nil
}

// sendLimit is how long systemd may leave its socket full. The agent goes on then.
const sendLimit = time.Second

// Send sends states such as READY=1. A state is one line. systemd needs none of them but READY=1 and WATCHDOG=1, and those
// are repeated or their loss shows. So Send returns no error.
func (n *Notifier) Send(states ...string) {
	if n == nil {
		return
	}
	for i, state := range states {
		states[i] = strings.ReplaceAll(state, "\n", " ")
	}
	_ = n.socket.SetWriteDeadline(time.Now().Add(sendLimit))
	_, _ = n.socket.Write([]byte(strings.Join(states, "\n")))
}

// Close closes the socket.
func (n *Notifier) Close() {
	if n != nil {
		n.socket.Close()
	}
}

// WatchdogInterval is the time within which systemd expects WATCHDOG=1 again. It is 0 if systemd does not watch this
// process. It removes the variables that tell.
func WatchdogInterval() time.Duration {
	text, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	os.Unsetenv("WATCHDOG_USEC")
	os.Unsetenv("WATCHDOG_PID")
	microseconds, err := strconv.ParseUint(text, 10, 53)
	if err != nil || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(microseconds) * time.Microsecond
}

// Feed sends WATCHDOG=1 at least twice per interval while the agent is well, until Stop is called. It needs no goroutine
// meanwhile.
func (n *Notifier) Feed(interval time.Duration, isWell func() bool) *Feeder {
	if n == nil || interval <= 0 {
		return nil
	}
	f := &Feeder{notifier: n, pause: interval / 2, isWell: isWell}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.timer = time.AfterFunc(0, f.feed)
	return f
}

// Feeder is the timer of Feed. A nil Feeder does nothing.
type Feeder struct {
	notifier *Notifier
	pause    time.Duration
	isWell   func() bool

	mu      sync.Mutex
	timer   *time.Timer
	fed     time.Time
	stopped bool
}

func (f *Feeder) feed() {
	if f.isWell() {
		f.notifier.Send("WATCHDOG=1")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fed = time.Now()
	if !f.stopped {
		f.timer.Reset(f.pause)
	}
}

// Awake says that the process is awake anyway: the next WATCHDOG=1 is sent now if half of its pause is over. So the timer
// seldom has to wake the process.
func (f *Feeder) Awake() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped && time.Since(f.fed) >= f.pause/2 {
		f.timer.Reset(0)
	}
}

// Stop ends the feeding.
func (f *Feeder) Stop() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	f.timer.Stop()
}
