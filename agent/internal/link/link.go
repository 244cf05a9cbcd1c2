// Package link keeps an agent connected to its manager. It dials, registers, subscribes, sends heartbeats, answers
// requests and writes out published messages. When the connection is lost, it starts again. docs/PROTOCOL.md is its
// specification.
package link

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
)

// Config holds an agent's settings and its credential.
type Config struct {
	Manager identity.Manager
	// Authorities sign the manager's certificate; nil for the system's.
	Authorities *x509.CertPool
	Proxy       func(*http.Request) (*url.URL, error) // nil for that of the environment
	Clock       func() time.Time                      // this host's clock; nil for time.Now
	StepTimeout time.Duration                         // limits each wait for the other end; 0 for 10 s
	InstallID   string
	Token       string // the permanent token; an enrolment token if Enrolled is false
	Enrolled    bool   // whether Token is the permanent one
	Candidate   string // the manager's replacement for a permanent Token; may be empty
	Store       Store
	// Reenrol is called when the manager has refused the agent's own tokens: because the agent was removed or revoked, or
	// with another code for longer. It returns an enrolment token, and is not called again then. It may be nil.
	Reenrol    func(context.Context, *RefusedError) (token string, err error)
	Name       string   // the operator's name for this host, for an enrolment; may be empty
	Labels     []string // the first labels of this host, for its enrolment
	Hostname   string
	Version    string
	MaxRetries int // connection attempts that may fail in a row; 0: any number
	Log        *slog.Logger

	// Observe is called after each change of the status but for its measurements. It must not block. It may be nil.
	Observe func()

	// OnBeat is called after each heartbeat: a process that is awake anyway does other periodic work for less. It must not
	// block. It may be nil.
	OnBeat func()

	Subscribe []string  // patterns that CheckPattern accepts, at most MaxSubscriptions
	Output    io.Writer // gets one JSON line for each published message
}

// Link is an agent's connection to its manager. It uses one socket after another.
type Link struct {
	config        Config
	credential    *credential
	bootID        string
	http          *http.Client
	progress      atomic.Pointer[progress] // of the last dial
	router        *router
	feed          *feed
	stats         *stats
	reporter      *reporter
	liveness      *liveness
	log           *slog.Logger
	clock         clock
	delays        *delays
	intake        *intake
	watch         *watch // of the store, while Run runs
	inRound       bool   // the next token is presented because the last one was refused
	refusedRounds int    // how often all tokens were refused, since there was another answer

	// stepTimeout limits each step that waits for the other end: the dial, the welcome, the registration, a write.
	stepTimeout time.Duration
}

// New does not connect yet.
func New(c Config) *Link {
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.StepTimeout == 0 {
		c.StepTimeout = 10 * time.Second
	}
	l := &Link{
		config:      c,
		credential:  newCredential(c),
		bootID:      newBootID(),
		feed:        newFeed(),
		stats:       &stats{started: time.Now()},
		reporter:    newReporter(time.Now, c.Observe),
		liveness:    newLiveness(),
		log:         c.Log,
		clock:       c.Clock,
		delays:      newDelays(),
		intake:      newIntake(),
		stepTimeout: c.StepTimeout,
	}
	l.http = newHTTPClient(c, &l.progress)
	l.router = newRouter(l.builtinHandlers(), c.Log)
	return l
}

// flushGrace is the time that the reader of the output gets to read the last messages. A reader that has stalled must
// not delay a shutdown.
const flushGrace = 500 * time.Millisecond

// Run stays connected until the context ends, and then returns nil. It returns early with a *RefusedError, a
// *GaveUpError, or the error of Store.Save or Config.Reenrol.
func (l *Link) Run(ctx context.Context) error {
	written := make(chan struct{})
	if len(l.config.Subscribe) > 0 {
		go func() {
			l.feed.write(l.config.Output, l.log)
			close(written)
		}()
	} else {
		close(written)
	}
	l.watch = l.watchStore()
	defer l.watch.stop()
	s := supervisor{connect: l.connect, onRefused: l.onRefused, maxRetries: l.config.MaxRetries, delays: l.delays, clock: l.clock, log: l.log,
		reporter: l.reporter, liveness: l.liveness}
	err := s.run(ctx)
	l.feed.close()
	select {
	case <-written:
	case <-time.After(flushGrace): // a blocked write ends with the process
		l.log.Warn("published messages were not read in time", "unwritten", l.feed.unwritten())
	}
	return err
}

// stats are the figures of agent.info that outlive one connection.
type stats struct {
	started     time.Time
	connections atomic.Int64          // how many became ready
	rttMs       atomic.Pointer[int64] // nil if not known yet
	skewMs      atomic.Pointer[int64] // this host's clock minus the manager's
}
