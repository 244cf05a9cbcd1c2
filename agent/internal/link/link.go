// Package link keeps an agent connected to its manager. It dials, registers, subscribes, sends heartbeats, answers
// requests and writes out published messages. When the connection is lost, it starts again. docs/PROTOCOL.md is its
// specification.
package link

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// Config holds an agent's settings and its credential.
type Config struct {
	Manager   identity.Manager
	InstallID string
	Token     string // the permanent token; an enrolment token if Enrolled is false
	Enrolled  bool   // whether Token is the permanent one
	Candidate string // the manager's replacement for a permanent Token; may be empty
	Store     Store
	// Reenrol is called when the manager refuses the permanent token because the agent was removed or revoked, but at
	// most once. It returns an enrolment token, or the error that Run returns. It may be nil.
	Reenrol    func(context.Context, *RefusedError) (token string, err error)
	Name       string   // the operator's name for this host; may be empty
	Labels     []string // the first labels of this host, for its enrolment
	Hostname   string
	Version    string
	MaxRetries int // connection attempts that may fail in a row; 0: any number
	Log        *slog.Logger

	Subscribe []string  // patterns that CheckPattern accepts, at most MaxSubscriptions
	Output    io.Writer // gets one JSON line for each published message
}

// Link is an agent's connection to its manager. It uses one socket after another.
type Link struct {
	config     Config
	credential *credential
	bootID     string
	http       *http.Client
	router     *router
	feed       *feed
	stats      *stats
	log        *slog.Logger
	clock      clock
	delays     *delays

	// stepTimeout limits each step that waits for the other end: the dial, the welcome, the registration, a write.
	stepTimeout time.Duration
}

// New does not connect yet.
func New(c Config) *Link {
	l := &Link{
		config:      c,
		credential:  &credential{manager: c.Manager, store: c.Store, token: c.Token, enrolled: c.Enrolled, candidate: c.Candidate},
		bootID:      newBootID(),
		http:        newHTTPClient(),
		feed:        newFeed(),
		stats:       &stats{started: time.Now()},
		log:         c.Log,
		clock:       time.Now,
		delays:      newDelays(),
		stepTimeout: 10 * time.Second,
	}
	l.router = newRouter(l.builtinHandlers(), c.Log)
	return l
}

// flushGrace is the time that the reader of the output gets to read the last messages. A reader that has stalled must
// not delay a shutdown.
const flushGrace = 500 * time.Millisecond

// Run stays connected until the context ends, and then returns nil. It returns early with a *RefusedError, a
// *GaveUpError, the error of Store.Save or Config.Reenrol, ErrOutputClosed, or another error of Config.Output.
func (l *Link) Run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	written := make(chan error, 1)
	go func() {
		written <- l.feed.write(l.config.Output)
		stop()
	}()
	s := supervisor{connect: l.connect, onRefused: l.onRefused, maxRetries: l.config.MaxRetries, delays: l.delays, clock: l.clock, log: l.log}
	err := s.run(running)
	l.feed.close()
	select {
	case failed := <-written:
		if err == nil {
			err = failed
		}
	case <-time.After(flushGrace): // a blocked write ends with the process
		l.log.Warn("published messages were not read in time", "unwritten", l.feed.unwritten())
	}
	return err
}

// onRefused returns nil if the agent has another token for the next attempt. Otherwise it returns the error for Run.
func (l *Link) onRefused(ctx context.Context, refused *RefusedError) error {
	if refused.Code == protocol.InvalidToken {
		rejected, err := l.credential.rejectCandidate()
		if err != nil {
			l.log.Warn("cannot delete the token that the manager refused", "error", err)
		}
		if rejected {
			l.log.Warn("the manager refused the token that it had offered, going back to the old one", "message", refused.Message)
			return nil
		}
	}
	reenrol := l.config.Reenrol
	l.config.Reenrol = nil // a used enrolment token does not bring the same host back
	if reenrol == nil || !l.credential.isEnrolled() || !refused.removedOrRevoked() {
		return refused
	}
	token, err := reenrol(ctx, refused)
	if err != nil {
		return err
	}
	l.credential.reenrol(token)
	return nil
}

// stats are the figures of agent.info that outlive one connection.
type stats struct {
	started     time.Time
	connections atomic.Int64          // how many became ready
	rttMs       atomic.Pointer[int64] // nil if not known yet
	skewMs      atomic.Pointer[int64] // this host's clock minus the manager's
}
