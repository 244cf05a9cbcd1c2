package cli

import (
	"log/slog"
	"sync"

	"github.com/zedops/zedops/agent/internal/control"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/systemd"
)

// service tells the host about an agent that runs: systemd, and whoever asks on its socket.
type service struct {
	link     *link.Link
	config   link.Config
	systemd  *systemd.Notifier
	socket   *control.Server
	feeder   *systemd.Feeder // set by start
	stopOnce sync.Once
}

// newService makes a link that tells the host about itself. Without systemd or a socket the agent does its work as well.
func newService(config link.Config, store *identity.Store, stateDir string) *service {
	s := &service{}
	var err error
	if s.systemd, err = systemd.New(); err != nil {
		slog.Warn("systemd cannot be told about this agent", "error", err)
	}
	s.socket = control.NewServer(stateDir, func() any { return s.report() })
	config.Store = &storeWithSocket{Store: store, socket: s.socket}
	config.Observe = s.observe
	config.OnBeat = func() { s.feeder.Awake() }
	s.config = config
	s.link = link.New(config)
	if err := s.socket.Listen(); err != nil {
		slog.Warn(`"zedops-agent status" does not work`, "error", err)
	}
	return s
}

func (s *service) report() report { return newReport(s.link.Status(), s.config) }

// start tells systemd that the agent is ready. It does not wait for the manager: a host must boot without one.
func (s *service) start() {
	s.systemd.Send("READY=1", "STATUS="+s.report().sentence())
	s.feeder = s.systemd.Feed(systemd.WatchdogInterval(), func() bool { return !s.link.Overdue() })
}

func (s *service) observe() { s.systemd.Send("STATUS=" + s.report().sentence()) }

// stopping tells systemd, once, that the agent ends by itself or because it was asked to.
func (s *service) stopping() { s.stopOnce.Do(func() { s.systemd.Send("STOPPING=1") }) }

// close ends what newService and start have begun. A link that ends at once may be faster than whoever calls stopping.
func (s *service) close() {
	s.stopping()
	s.feeder.Stop()
	s.socket.Close()
	s.systemd.Close()
}

// storeWithSocket makes the socket again if the state directory was deleted.
type storeWithSocket struct {
	*identity.Store
	socket *control.Server
	failed bool
}

func (s *storeWithSocket) Restore(t identity.Tokens) (restored bool, err error) {
	restored, err = s.Store.Restore(t)
	if err == nil && !s.failed {
		if err := s.socket.Listen(); err != nil {
			s.failed = true
			slog.Warn(`"zedops-agent status" does not work`, "error", err)
		}
	}
	return restored, err
}
