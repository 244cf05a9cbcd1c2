package link

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// Findings are what a probe has found.
type Findings struct {
	Reach
	Step     fault.Step    // the step that failed; empty if none did
	Err      error         // nil if no step failed
	Skew     time.Duration // this host's clock minus the manager's
	HasSkew  bool
	Welcomed bool          // whether the manager has accepted the token and opened a WebSocket
	Beat     time.Duration // the round trip of a heartbeat
}

// Probe goes the way of a new connection with one token, up to the answer to a heartbeat, and then closes. It never
// registers: so the manager keeps the connection of a running agent, uses up no enrolment and replaces no token. Without a
// token, a manager refuses with missing_token, which shows that it was reached.
func (l *Link) Probe(ctx context.Context, token string) Findings {
	frames, p, err := l.dialWith(ctx, token)
	step, reach := p.at()
	f := Findings{Reach: reach}
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		f.Step = fault.Credential
	case err != nil:
		f.Step = stepOf(err, step)
	}
	if f.Err = err; err != nil {
		if !p.date.IsZero() {
			// A date has seconds only, and half of one is lost on average.
			f.Skew, f.HasSkew = l.clock().Sub(p.date)-time.Second/2, true
		}
		return f
	}
	defer frames.ws.CloseNow()

	w, skewMs, err := l.receiveWelcome(ctx, frames)
	if err != nil {
		f.Step, f.Err = fault.Upgrade, explainWelcome(err)
		return f
	}
	f.Welcomed = true
	f.Skew, f.HasSkew = time.Duration(skewMs)*time.Millisecond, w.ServerTime != 0
	if f.Beat, err = l.beatOnce(ctx, frames); err != nil {
		f.Step, f.Err = fault.Heartbeat, err
		return f
	}
	defer time.AfterFunc(closeGrace, frames.meter.cut).Stop()
	_ = frames.ws.Close(websocket.StatusCode(protocol.CloseStopped), "stopped")
	return f
}

// beatOnce sends a heartbeat on a new socket and waits for its answer. The manager answers it without a registration.
func (l *Link) beatOnce(ctx context.Context, frames *frameReader) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout)
	defer cancel()
	sent := time.Now()
	err := explainSocketError(frames.ws.Write(ctx, websocket.MessageText, []byte(protocol.Heartbeat)))
	for others := 0; err == nil; {
		var m protocol.Message
		if m, err = receive(ctx, frames, &others); err == nil && m.Subject == protocol.SubjectHeartbeatAck {
			return time.Since(sent), nil
		}
	}
	if fault.CodeOf(err) == fault.Silent {
		err = fault.New(fault.BeatNoAnswer, err)
	}
	return 0, err
}

// explainWelcome names the cause of a WebSocket that brings no welcome.
func explainWelcome(err error) error {
	switch fault.CodeOf(err) {
	case fault.Silent:
		return fault.New(fault.UpgradeNoAnswer, err, "opened WebSocket with a welcome")
	case fault.ConnectionCut:
		return fault.New(fault.UpgradeCut, err, "manager's welcome")
	}
	return err
}

// stepOf returns the step that an error names, or the one that the dial worked on.
func stepOf(err error, at fault.Step) fault.Step {
	var f *fault.Fault
	if errors.As(err, &f) && f.Step() != "" {
		return f.Step()
	}
	return at
}

// SkewBeyondDates measures the clock after the error of a certificate outside of its dates: it shakes hands as if it were
// within them, and sends no token. Everything else about the certificate is checked as always. It returns false if the
// manager's answer has no date.
func (l *Link) SkewBeyondDates(ctx context.Context, err error) (time.Duration, bool) {
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
		return 0, false
	}
	valid := invalid.Cert.NotAfter.Add(-time.Second)
	if l.clock().Before(invalid.Cert.NotBefore) {
		valid = invalid.Cert.NotBefore.Add(time.Second)
	}
	config := l.config
	config.Clock = func() time.Time { return valid }
	f := New(config).Probe(ctx, "")
	return l.clock().Sub(valid) + f.Skew, f.HasSkew
}
