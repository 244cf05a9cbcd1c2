package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// connection is one registered socket.
type connection struct {
	ws          *websocket.Conn
	frames      *frameReader
	welcome     welcome
	skewMs      int64 // measured with the welcome
	requests    *requests
	router      *router
	patterns    []string // of the subscriptions
	feed        *feed
	window      *creditWindow
	stats       *stats
	reporter    *reporter
	liveness    *liveness
	log         *slog.Logger
	clock       clock
	stepTimeout time.Duration
	onBeat      func()

	opened     time.Time
	lastFrame  atomic.Int64   // when the last frame arrived, in nanoseconds since opened
	lastSign   instant        // the same; set by the reader, and others may use it when the reader has ended
	acks       chan ack       // from the reader to the heartbeat
	alignments chan alignment // likewise
	rotated    chan struct{}  // the agent has stored a new token and told the manager so
	draining   chan struct{}  // closed when drain is set
	drain      *drain         // set by the reader; others may use it when the reader has ended
	dropped    atomic.Int64   // frames that were not expected or found no room
	readError  error          // likewise
}

// session describes a connection that is ready: the probe has shown that messages flow both ways.
type session struct {
	registration
	connection string
	patterns   []string
	rtt        time.Duration
	skewMs     int64
}

// outcome is how an attempt ended.
type outcome struct {
	err     error
	up      time.Duration // from ready to the end; 0 if it never became ready
	silence time.Duration // how long before the end the last frame came; includes the time that the host slept
	welcome *welcome      // nil if there was none
	drain   *drain        // nil if the manager did not ask to reconnect
	dropped int64
}

// connect makes one connection and returns when it has ended. It calls ready when messages flow both ways.
func (l *Link) connect(ctx context.Context, ready func(session)) outcome {
	o := l.attempt(ctx, ready)
	var refused *RefusedError
	if !errors.As(o.err, &refused) {
		l.inRound, l.refusedRounds = false, 0
	}
	return o
}

func (l *Link) attempt(ctx context.Context, ready func(session)) outcome {
	c, r, err := l.open(ctx)
	if c == nil {
		return outcome{err: l.refusedByClose(err)}
	}
	defer c.ws.CloseNow()
	w := c.welcome // a copy, because the outcome lives longer than the connection should
	o := outcome{welcome: &w}
	if err == nil {
		var readyAt time.Time
		err = c.run(ctx, func(rtt time.Duration) {
			readyAt = time.Now()
			l.stats.connections.Add(1)
			ready(session{registration: r, connection: c.welcome.Connection, patterns: c.patterns, rtt: rtt, skewMs: c.skewMs})
		})
		if !readyAt.IsZero() {
			o.up = max(time.Since(readyAt), 1)
			o.silence = l.clock.since(c.lastSign)
		}
	}
	o.err, o.drain, o.dropped = l.refusedByClose(err), c.drain, c.dropped.Load()
	return o
}

// open dials and registers. The connection is nil if there was no welcome. Otherwise the caller closes it, even after an
// error.
func (l *Link) open(ctx context.Context) (*connection, registration, error) {
	frames, err := l.dial(ctx)
	if err != nil {
		return nil, registration{}, err
	}
	w, skewMs, err := l.receiveWelcome(ctx, frames)
	if err != nil {
		frames.ws.CloseNow()
		return nil, registration{}, err
	}
	// The library closes the connection over a frame beyond its read limit. So that limit is twice the protocol's: a frame
	// that is a little too long is dropped, and the connection stays.
	frames.ws.SetReadLimit(2 * w.MaxFrameBytes)
	frames.limit = int(w.MaxFrameBytes)
	c := &connection{
		ws:          frames.ws,
		frames:      frames,
		welcome:     w,
		skewMs:      skewMs,
		requests:    newRequests(w.inbox("")),
		router:      l.router,
		feed:        l.feed,
		window:      newCreditWindow(w),
		stats:       l.stats,
		reporter:    l.reporter,
		liveness:    l.liveness,
		log:         l.log,
		clock:       l.clock,
		stepTimeout: l.stepTimeout,
		onBeat:      l.onBeat,
		opened:      time.Now(),
		acks:        make(chan ack, 4),
		alignments:  make(chan alignment, 1),
		rotated:     make(chan struct{}, 1),
		draining:    make(chan struct{}),
	}
	r, err := l.register(ctx, c)
	c.patterns = expandPatterns(l.config.Subscribe, r.AgentID)
	return c, r, err
}

// refusedByClose returns a *RefusedError for the close codes that refuse an agent, and any other error as it is.
func (l *Link) refusedByClose(err error) error {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return err
	}
	switch closeCode(err) {
	case protocol.CloseUnauthorized:
		return newRefusedError(protocol.WireError{Code: protocol.InvalidToken, Message: "the manager closed the connection as unauthorized"}, err, l.credential.isEnrolled())
	case protocol.CloseRevoked:
		return newRefusedError(protocol.WireError{Code: protocol.AgentRevoked, Message: "the manager closed the connection as revoked"}, err, l.credential.isEnrolled())
	}
	return err
}

// closeGrace limits the close handshake. A dead peer must not delay a shutdown.
const closeGrace = time.Second

// errRotating ends a connection when the agent has a new token.
var errRotating = errors.New("the token is rotated")

// run starts the goroutines of the connection and returns when all have ended.
func (c *connection) run(ctx context.Context, ready func(rtt time.Duration)) error {
	leaving, leave := context.WithCancel(ctx)
	defer leave()
	g, running := errgroup.WithContext(leaving)
	// The reader does not use the group's context. A Read whose context ends closes the socket at once, before the close
	// frame is sent.
	reading, tearDown := context.WithCancel(context.WithoutCancel(ctx))
	defer tearDown()

	// errgroup cancels only on an error. So each goroutine returns an error to end the connection.
	g.Go(func() error { return c.read(reading, running) })
	g.Go(func() error { return c.heartbeat(running) })
	if len(c.patterns) > 0 {
		g.Go(func() error { return c.sendCredit(running) })
	}
	g.Go(func() error {
		if err := c.subscribe(running); err != nil {
			return err
		}
		rtt, err := c.probe(running)
		if err == nil {
			ready(rtt)
		}
		return err
	})
	var returning error // why this agent leaves a good connection; nil if it does not
	g.Go(func() error {
		code, reason := websocket.StatusCode(protocol.CloseNoSignOfLife), ""
		select {
		case <-running.Done():
		case <-c.rotated:
			returning, code, reason = errRotating, protocol.CloseReturning, "rotating"
		case <-c.draining:
			returning, code, reason = errReconnecting, protocol.CloseReturning, "reconnecting"
		}
		if ctx.Err() != nil {
			code, reason = protocol.CloseStopped, "stopped"
		}
		leave() // the other goroutines end before the close frame is sent
		// The reader may be between two reads. Then the end of its context does not end the handshake.
		defer time.AfterFunc(closeGrace, func() { tearDown(); c.frames.meter.cut() }).Stop()
		_ = c.ws.Close(code, reason) // the socket is gone, even after an error
		return running.Err()
	})
	err := g.Wait()
	if returning != nil {
		err = returning
	}
	// A write may fail a moment before the reader sees the manager's close frame, and that says more. 1000, 1001 and 1012
	// may only be the answer to this agent's own close frame.
	code := closeCode(c.readError)
	if code > protocol.CloseNoSignOfLife && code != protocol.CloseReturning && !errors.Is(err, errRotating) {
		return c.readError
	}
	return err
}

// read is the only reader of the socket. It returns when the socket ends.
func (c *connection) read(reading, running context.Context) error {
	defer c.requests.failAll()
	for {
		kind, frame, err := c.frames.next(reading)
		if err != nil {
			c.readError = explainSocketError(err)
			return c.readError
		}
		now := time.Now()
		c.lastFrame.Store(int64(now.Sub(c.opened)))
		c.lastSign = instant{mono: now, wall: c.clock().Round(0)}
		switch {
		case kind != websocket.MessageText, int64(len(frame)) > c.welcome.MaxFrameBytes:
			c.dropped.Add(1)
		case string(frame) == protocol.HeartbeatAck:
			c.queueAck(ack{at: now})
		default:
			c.receive(running, frame, now)
		}
	}
}

func (c *connection) receive(ctx context.Context, frame []byte, now time.Time) {
	own := c.welcome.inbox("")
	m, err := protocol.Decode(frame)
	var bad *protocol.BadFrame
	switch {
	case errors.As(err, &bad):
		// An answer that cannot be read is an answer: the request ends at once.
		delivered := c.requests.deliver(protocol.Message{Subject: bad.Subject, Error: &bad.Cause})
		if strings.HasPrefix(bad.Reply, own) {
			c.answer(bad.Reply, nil, &bad.Cause)
		} else if !delivered {
			c.dropped.Add(1)
		}
	case strings.HasPrefix(m.Subject, own):
		if !c.requests.deliver(m) {
			c.dropped.Add(1)
		}
	case m.Subject == protocol.SubjectHeartbeatAck:
		data, _ := protocol.ReadObject(m.Data, "serverTime")
		c.queueAck(ack{at: now, serverTime: serverTime(data)}) // no server time means a bare ack
	case m.Subject == protocol.SubjectHeartbeatAlign:
		c.queueAlignment(m, now)
	case m.Subject == protocol.SubjectReconnect:
		c.handleReconnect(m, now)
	case m.Subject == protocol.SubjectError && m.Error != nil:
		c.log.Warn("the manager refused a message of this agent", "error", m.Error)
	case strings.HasPrefix(m.Reply, own):
		c.router.route(ctx, m, func(data json.RawMessage, failure *protocol.WireError) {
			c.answer(m.Reply, data, failure)
			if m.Subject == protocol.SubjectRotate && failure == nil {
				select {
				case c.rotated <- struct{}{}:
				default:
				}
			}
		})
	case c.isSubscribed(m):
		c.dropped.Add(c.feed.offer(m, int64(len(frame)), c.window))
	default:
		c.dropped.Add(1)
	}
}

// answer sends one reply. It ignores a lost connection, because the reader reports that.
func (c *connection) answer(inbox string, data json.RawMessage, failure *protocol.WireError) {
	err := c.send(protocol.Message{Subject: inbox, Data: data, Error: failure})
	var known *protocol.WireError
	if errors.As(err, &known) {
		_ = c.send(protocol.Message{Subject: inbox, Error: known})
	}
}

// send adds the timestamp and writes a message. It returns a *protocol.WireError if the message is not valid or too large.
func (c *connection) send(m protocol.Message) error {
	now := c.clock().UnixMilli()
	m.Timestamp = &now
	frame, err := protocol.Encode(m)
	if err != nil {
		return err
	}
	if limit := c.welcome.MaxFrameBytes; int64(len(frame)) > limit {
		return &protocol.WireError{Code: protocol.PayloadTooLarge, Message: fmt.Sprintf("the message has %d bytes and the limit is %d", len(frame), limit)}
	}
	return c.write(frame)
}

func (c *connection) write(frame []byte) error {
	// This does not use the connection's context: a cancelled write closes the socket before the close frame is sent.
	ctx, cancel := context.WithTimeout(context.Background(), c.stepTimeout)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, frame); err != nil {
		return explainSocketError(err)
	}
	return nil
}

// request sends a request to the manager and waits for the answer. Its errors are *protocol.WireError: the manager's own,
// timeout when the context ends, and disconnected.
func (c *connection) request(ctx context.Context, subject string, data json.RawMessage) (json.RawMessage, error) {
	disconnected := &protocol.WireError{Code: protocol.Disconnected, Message: "the connection was lost before the reply"}
	inbox, answer, ok := c.requests.open()
	if !ok {
		return nil, disconnected
	}
	defer c.requests.abandon(inbox)
	if err := c.send(protocol.Message{Subject: subject, Reply: inbox, Data: data}); err != nil {
		var known *protocol.WireError
		if errors.As(err, &known) {
			return nil, known
		}
		return nil, disconnected
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return nil, disconnected
		case m.Error != nil:
			return nil, m.Error
		default:
			return m.Data, nil
		}
	case <-ctx.Done():
		return nil, &protocol.WireError{Code: protocol.Timeout, Message: "no reply in time"}
	}
}

// probe sends one message to the manager and back, because a registration alone does not show that the manager answers
// requests.
func (c *connection) probe(ctx context.Context) (rtt time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.stepTimeout)
	defer cancel()
	sent := time.Now()
	text := strconv.Quote(fmt.Sprintf("%s %d", c.welcome.Connection, sent.UnixNano())) // a connection's name may hold a quote
	echo, err := c.request(ctx, protocol.SubjectEcho, json.RawMessage(text))
	if err != nil {
		return 0, fmt.Errorf("check that messages flow: %w", err)
	}
	if string(echo) != text {
		return 0, errors.New("check that messages flow: the echo came back changed")
	}
	return time.Since(sent), nil
}
