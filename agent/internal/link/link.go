// Package link keeps an agent connected to its manager: it dials, registers, beats, answers requests, and does it all
// again when the connection is lost. docs/PROTOCOL.md is its specification.
package link

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
)

// Config is what an operator decides.
type Config struct {
	Manager   identity.Manager
	InstallID string
	Token     string // the permanent token, or for the first time an enrolment token
	Enrolled  bool   // whether Token is the permanent one
	// Save must have the permanent token on disk when it returns.
	Save       func(token string) error
	Name       string // the operator's name for this host, may be empty
	Hostname   string
	Version    string
	MaxRetries int // connection attempts that may fail in a row; 0: any number
	Log        *slog.Logger
}

// Link is an agent's connection, over any number of sockets.
type Link struct {
	config Config
	bootID string
	http   *http.Client
	router *router
	vitals *vitals
	log    *slog.Logger

	// patience bounds each step that waits for the other end: the dial, the welcome, the registration, a write.
	patience time.Duration
}

// New does not connect yet.
func New(c Config) *Link {
	l := &Link{
		config:   c,
		bootID:   newBootID(),
		http:     newHTTPClient(),
		vitals:   &vitals{started: time.Now()},
		log:      c.Log,
		patience: 10 * time.Second,
	}
	l.router = newRouter(l.builtin(), c.Log)
	return l
}

// Run stays connected until the context ends, and then returns nil. Otherwise it returns a *Refused, a *GaveUp, or
// the error of Config.Save.
func (l *Link) Run(ctx context.Context) error {
	s := supervisor{connect: l.connect, maxRetries: l.config.MaxRetries, delays: newDelays(), log: l.log}
	return s.run(ctx)
}

// vitals outlive the single connection.
type vitals struct {
	started     time.Time
	connections atomic.Int64          // that became ready
	rttMs       atomic.Pointer[int64] // nil: not known yet
	skewMs      atomic.Pointer[int64] // this host's clock minus the manager's
}
