package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// registration is the answer to agent.register.
type registration struct {
	AgentID string
	Name    string
	Labels  []string // from this answer, else from the welcome; nil if neither has them
	Token   string   // only after an enrolment
}

var errNotSaved = errors.New("the manager enrolled this agent, but the token could not be saved: fix the cause, then start the agent again with the same enrolment token")

// mostOthers is how many frames may come before the answer of a step.
const mostOthers = 100

// longestWelcome is the longest frame before the welcome, in bytes. The library has the same limit.
const longestWelcome = 32_768

// receiveWelcome is the first step on a new socket. The second result is this host's clock minus the manager's, in ms. It
// still contains the time that the welcome took to arrive.
func (l *Link) receiveWelcome(ctx context.Context, frames *frameReader) (welcome, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout) // the end of this context closes the socket
	defer cancel()
	m, err := receive(ctx, frames, new(int))
	if err != nil {
		return welcome{}, 0, fmt.Errorf("wait for the welcome: %w", err)
	}
	now := l.clock().UnixMilli()
	switch {
	case m.Subject != protocol.SubjectWelcome:
		return welcome{}, 0, fault.New(fault.NotManager, nil, fmt.Sprintf("it sent %q instead of a welcome", m.Subject))
	case m.Error != nil:
		return welcome{}, 0, fmt.Errorf("read the welcome: %w", m.Error)
	}
	w, err := parseWelcome(m.Data)
	if err != nil {
		return w, 0, fault.New(fault.NotManager, err, "read the welcome: "+err.Error())
	}
	if w.ServerTime == 0 {
		return w, 0, nil
	}
	return w, now - w.ServerTime, nil
}

// register is the second step. It returns when a new token is safe on disk. Nothing else uses the socket meanwhile.
func (l *Link) register(ctx context.Context, c *connection) (registration, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout)
	defer cancel()
	var r registration
	inbox := c.welcome.inbox("register")
	name, labels := l.config.Name, l.config.Labels
	if l.credential.isEnrolled() {
		name, labels = "", nil // they have no effect any more, and a manager may refuse them
	}
	data, err := json.Marshal(struct {
		Protocol int      `json:"protocol"`
		Version  string   `json:"version"`
		OS       string   `json:"os"`
		Arch     string   `json:"arch"`
		Hostname string   `json:"hostname"`
		Name     string   `json:"name,omitempty"`
		Labels   []string `json:"labels,omitempty"`
		Aligns   bool     `json:"alignsHeartbeat"`
	}{Protocol: protocol.Protocol, Version: l.config.Version, OS: runtime.GOOS, Arch: runtime.GOARCH, Hostname: l.config.Hostname, Name: name, Labels: labels, Aligns: true})
	if err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	if err := c.send(protocol.Message{Subject: protocol.SubjectRegister, Reply: inbox, Data: data}); err != nil {
		return r, fmt.Errorf("register: %w", err)
	}
	var m protocol.Message
	others := 0
	for m.Subject != inbox {
		if m, err = receive(ctx, c.frames, &others); err != nil {
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
	answer, _ := protocol.ReadObject(m.Data, "agentId", "name", "labels", "token")
	r.AgentID, _ = answer["agentId"].AsString()
	r.Name, _ = answer["name"].AsString()
	if r.Labels = readLabels(answer["labels"]); r.Labels == nil {
		r.Labels = c.welcome.Labels
	}
	r.Token, _ = answer["token"].AsString()
	if !isToken(r.AgentID) || (r.Token == "" && !l.credential.isEnrolled()) {
		return r, errors.New("read the registration: agentId is not a token, or there is no token")
	}
	if r.Token != "" {
		if err := l.credential.enrol(r.Token); err != nil {
			return r, fmt.Errorf("%w: %w", errNotSaved, err)
		}
		l.config.Reenrol = nil // a used enrolment token does not bring this host back
		l.log.Info("enrolled", "agentId", r.AgentID, "name", r.Name)
		return r, nil
	}
	rotated, err := l.credential.accept()
	if err != nil {
		l.log.Warn("cannot bring the tokens in the state directory up to date yet", "error", err)
	}
	if rotated {
		l.log.Info("token rotated", "agentId", r.AgentID)
	}
	return r, nil
}

// receive returns the next message. A bad frame with a valid subject becomes a message with the error, so that a step ends
// at once if its answer cannot be read. It is for the time before the reader runs. received counts the frames of the step.
func receive(ctx context.Context, frames *frameReader, received *int) (protocol.Message, error) {
	for {
		kind, frame, err := frames.next(ctx)
		if err != nil {
			return protocol.Message{}, explainSocketError(err)
		}
		if *received++; *received > mostOthers {
			return protocol.Message{}, fault.New(fault.NotManager, nil, fmt.Sprintf("it sent %d frames and no answer", *received))
		}
		if kind != websocket.MessageText || len(frame) > frames.limit {
			continue
		}
		m, err := protocol.Decode(frame)
		var bad *protocol.BadFrame
		if errors.As(err, &bad) {
			m = protocol.Message{Subject: bad.Subject, Error: &bad.Cause}
		}
		if m.Subject != "" {
			return m, nil
		}
	}
}
