package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// welcome is the data of agent.welcome, the manager's first message. Durations are milliseconds.
type welcome struct {
	Connection          string `json:"connection"`
	ServerTime          int64  `json:"serverTime"` // Unix ms
	HeartbeatIntervalMs int64  `json:"heartbeatIntervalMs"`
	LeaseMs             int64  `json:"leaseMs"`
	MaxFrameBytes       int64  `json:"maxFrameBytes"`
	MessagesPerSecond   int64  `json:"messagesPerSecond"`
	CreditFrames        int64  `json:"creditFrames"`
	CreditBytes         int64  `json:"creditBytes"`
	ReconnectSpreadMs   int64  `json:"reconnectSpreadMs"`
}

// defaultWelcome holds the values of the fields that a welcome may leave out.
var defaultWelcome = welcome{MessagesPerSecond: 100, CreditFrames: 256, CreditBytes: 1 << 20}

// validate keeps the agent from spinning, hanging or running out of memory because of a faulty manager.
func (w welcome) validate() error {
	const day = 24 * 60 * 60 * 1000
	switch {
	case !protocol.IsSubject(w.inbox("1")) || strings.Contains(w.Connection, "."):
		return errors.New("connection is not a token")
	case w.HeartbeatIntervalMs < 10 || w.HeartbeatIntervalMs > day:
		return errors.New("heartbeatIntervalMs is out of range")
	case w.LeaseMs <= w.HeartbeatIntervalMs || w.LeaseMs > 2*day:
		return errors.New("leaseMs is out of range")
	case w.MaxFrameBytes < 1<<10 || w.MaxFrameBytes > 32<<20:
		return errors.New("maxFrameBytes is out of range")
	case w.MessagesPerSecond < 1:
		return errors.New("messagesPerSecond is out of range")
	case w.CreditFrames < 1 || w.CreditFrames > 1<<16:
		return errors.New("creditFrames is out of range")
	case w.CreditBytes < 1 || w.CreditBytes > 64<<20:
		return errors.New("creditBytes is out of range")
	case w.ReconnectSpreadMs < 0 || w.ReconnectSpreadMs > day:
		return errors.New("reconnectSpreadMs is out of range")
	}
	return nil
}

func (w welcome) inbox(token string) string { return protocol.Inbox(w.Connection, token) }

func (w welcome) spread() time.Duration { return time.Duration(w.ReconnectSpreadMs) * time.Millisecond }

// registration is the answer to agent.register.
type registration struct {
	AgentID string `json:"agentId"`
	Name    string `json:"name"`
	Token   string `json:"token"` // only after an enrolment
}

var errNotSaved = errors.New("the manager enrolled this agent, but the token could not be saved: fix the cause, then start the agent again with the same enrolment token")

// receiveWelcome is the first step on a new socket. The second result is this host's clock minus the manager's, in ms. It
// still contains the time that the welcome took to arrive.
func (l *Link) receiveWelcome(ctx context.Context, ws *websocket.Conn) (welcome, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout) // the end of this context closes the socket
	defer cancel()
	w := defaultWelcome
	m, err := receive(ctx, ws)
	if err != nil {
		return w, 0, fmt.Errorf("wait for the welcome: %w", err)
	}
	skewMs := l.clock().UnixMilli()
	if m.Subject != protocol.SubjectWelcome {
		return w, 0, fmt.Errorf("the other end is not a manager: it sent %q instead of a welcome", m.Subject)
	}
	if err := json.Unmarshal(m.Data, &w); err != nil {
		return w, 0, fmt.Errorf("read the welcome: %w", err)
	}
	if err := w.validate(); err != nil {
		return w, 0, fmt.Errorf("read the welcome: %w", err)
	}
	return w, skewMs - w.ServerTime, nil
}

// register is the second step. It returns when a new token is safe on disk. Nothing else uses the socket meanwhile.
func (l *Link) register(ctx context.Context, c *connection) (registration, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout)
	defer cancel()
	var r registration
	inbox := c.welcome.inbox("register")
	data, err := json.Marshal(struct {
		Protocol int    `json:"protocol"`
		Version  string `json:"version"`
		OS       string `json:"os"`
		Arch     string `json:"arch"`
		Hostname string `json:"hostname"`
		Name     string `json:"name,omitempty"`
	}{Protocol: protocol.Protocol, Version: l.config.Version, OS: runtime.GOOS, Arch: runtime.GOARCH, Hostname: l.config.Hostname, Name: l.config.Name})
	if err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	if err := c.send(protocol.Message{Subject: protocol.SubjectRegister, Reply: inbox, Data: data}); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	var m protocol.Message
	for m.Subject != inbox {
		if m, err = receive(ctx, c.ws); err != nil {
			return r, fmt.Errorf("wait for the registration: %w", err)
		}
		if m.Subject == protocol.SubjectReconnect {
			if c.handleReconnect(m, time.Now()); c.drain != nil {
				return r, errReconnecting
			}
		}
	}
	if m.Error != nil {
		if protocol.IsRefusal(m.Error.Code) {
			return r, newRefusedError(*m.Error, m.Error, l.credential.isEnrolled())
		}
		return r, fmt.Errorf("register: %w", m.Error)
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return r, fmt.Errorf("read the registration: %w", err)
	}
	if r.AgentID == "" || (r.Token == "" && !l.credential.isEnrolled()) {
		return r, errors.New("read the registration: agentId or token is missing")
	}
	if r.Token != "" {
		if err := l.credential.enrol(r.Token); err != nil {
			return r, fmt.Errorf("%w: %w", errNotSaved, err)
		}
		l.log.Info("enrolled", "agentId", r.AgentID, "name", r.Name)
		return r, nil
	}
	rotated, err := l.credential.accept()
	if err != nil {
		l.log.Warn("cannot put the new token in the place of the old one yet", "error", err)
	}
	if rotated {
		l.log.Info("token rotated", "agentId", r.AgentID)
	}
	return r, nil
}

// receive returns the next valid message. It is for the time before the reader runs.
func receive(ctx context.Context, ws *websocket.Conn) (protocol.Message, error) {
	for {
		kind, frame, err := ws.Read(ctx)
		if err != nil {
			return protocol.Message{}, explainSocketError(err)
		}
		if m, err := protocol.Decode(frame); err == nil && kind == websocket.MessageText {
			return m, nil
		}
	}
}
