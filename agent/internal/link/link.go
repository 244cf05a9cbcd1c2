// Package link keeps an agent connected to its manager: it dials, registers, subscribes, beats, answers requests, writes
// out what is published, and does it all again when the connection is lost. docs/PROTOCOL.md is its specification.
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

// Config is what an operator decides.
type Config struct {
	Manager   identity.Manager
	InstallID string
	Token     string // the permanent token, or for the first time an enrolment token
	Enrolled  bool   // whether Token is the permanent one
	Candidate string // what the manager has offered to replace a permanent Token; may be empty
	Store     Store
	// Reenrol is asked at most once, when the manager refuses the permanent token that Run began with because the agent
	// was removed or revoked. It returns the enrolment token to go on with, or the error to end with. May be nil.
	Reenrol    func(context.Context, *RefusedError) (token string, err error)
	Name       string // the operator's name for this host, may be empty
	Hostname   string
	Version    string
	MaxRetries int // connection attempts that may fail in a row; 0: any number
	Log        *slog.Logger

	Subscribe []string  // patterns that CheckPattern takes, at most MaxSubscriptions
	Output    io.Writer // gets one JSON line for each published message; unused without patterns
}

// Link is an agent's connection, over any number of sockets.
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

	// patience bounds each step that waits for the other end: the dial, the welcome, the registration, a write.
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

// flushGrace is how long a reader of the output may take to fetch what is left when the link ends. One that has stalled
// must not hold up a shutdown.
const flushGrace = 500 * time.Millisecond

// Run stays connected until the context ends, and then returns nil. Otherwise it returns a *Refused, a *GaveUp, the
// error of Store.Save or Config.Reenrol, ErrOutputClosed, or another error of Config.Output.
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
	case <-time.After(flushGrace): // the blocked write ends with the process
		l.log.Warn("published messages were not read in time", "unwritten", l.feed.unwritten())
	}
	return err
}

// refused returns nil if the next attempt is one with another token, and otherwise the error to end with.
func (l *Link) onRefused(ctx context.Context, refused *RefusedError) error {
	if refused.Code == protocol.InvalidToken {
		rejected, err := l.credential.rejectCandidate()
		if err != nil {
			l.log.Warn("a candidate that the manager refused stays on disk", "error", err)
		}
		if rejected {
			l.log.Warn("the manager refused the token that it had offered, going back to the one before", "message", refused.Message)
			return nil
		}
	}
	reenrol := l.config.Reenrol
	l.config.Reenrol = nil // an enrolment token that was used already does not bring the same host back
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

// vitals outlive the single connection.
type stats struct {
	started     time.Time
	connections atomic.Int64          // that became ready
	rttMs       atomic.Pointer[int64] // nil: not known yet
	skewMs      atomic.Pointer[int64] // this host's clock minus the manager's
}
