// Package managertest is a fake manager. It misbehaves as a test needs.
package managertest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// Tokens of the fake manager.
const (
	EnrolmentToken = "enrolment.token.value"
	PermanentToken = "permanent.token.value"
)

// Timeout limits every wait of a test.
const Timeout = 10 * time.Second

// Manager accepts every connection and leaves the rest to the test.
type Manager struct {
	URL   string
	Peers chan *Peer
}

// socketKey is the context key of an upgrade's TCP socket.
type socketKey struct{}

// Start serves on a random loopback port until the test ends. intercept may be nil. It returns true if it has answered the
// request itself.
func Start(t testing.TB, intercept func(http.ResponseWriter, *http.Request) bool) *Manager {
	m := &Manager{Peers: make(chan *Peer, 64)}
	ended := make(chan struct{})
	server := httptest.NewUnstartedServer(m.upgrade(intercept, ended))
	server.Config.ConnContext = func(ctx context.Context, socket net.Conn) context.Context {
		return context.WithValue(ctx, socketKey{}, socket)
	}
	server.Start()
	t.Cleanup(func() {
		close(ended)
		server.CloseClientConnections()
		server.Close()
	})
	m.URL = server.URL
	return m
}

func (m *Manager) upgrade(intercept func(http.ResponseWriter, *http.Request) bool, ended <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if intercept != nil && intercept(w, r) {
			return
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return
		}
		ws.SetReadLimit(-1)
		p := &Peer{Header: r.Header, Path: r.URL.Path, ws: ws, Seen: make(chan protocol.Message, 4096), Closed: make(chan error, 1)}
		gone, leave := context.WithCancel(context.Background())
		p.end = leave
		p.socket, _ = r.Context().Value(socketKey{}).(*net.TCPConn)
		m.Peers <- p
		select {
		case <-ended:
		case <-gone.Done():
		}
		ws.CloseNow()
	}
}

// Next waits for the next connection.
func (m *Manager) Next(t testing.TB) *Peer {
	t.Helper()
	return m.NextWithin(t, Timeout)
}

// NextWithin is Next with a time limit of its own.
func (m *Manager) NextWithin(t testing.TB, limit time.Duration) *Peer {
	t.Helper()
	select {
	case p := <-m.Peers:
		return p
	case <-time.After(limit):
		t.Fatal("no agent came")
		return nil
	}
}

// Peer is the manager's end of one agent's socket.
type Peer struct {
	Header http.Header // of the upgrade
	Path   string
	Seen   chan protocol.Message // every message since Serve, including bare heartbeats
	Closed chan error            // gets the error that ended the socket, after Serve
	ws     *websocket.Conn
	end    context.CancelFunc
	socket *net.TCPConn // nil after StartInMemory
}

// Welcome holds the data of agent.welcome.
type Welcome struct {
	Protocol            int    `json:"protocol"`
	Connection          string `json:"connection"`
	ServerTime          int64  `json:"serverTime"`
	HeartbeatIntervalMs int64  `json:"heartbeatIntervalMs"`
	HeartbeatDelayMs    *int64 `json:"heartbeatDelayMs,omitempty"` // nil: a manager from before there were schedules
	LeaseMs             int64  `json:"leaseMs"`
	MaxFrameBytes       int64  `json:"maxFrameBytes"`
	MessagesPerSecond   int64  `json:"messagesPerSecond"`
	CreditFrames        int64  `json:"creditFrames"`
	CreditBytes         int64  `json:"creditBytes"`
	ReconnectSpreadMs   int64  `json:"reconnectSpreadMs"`
	// Of an agent that is known already.
	Labels []string `json:"labels,omitempty"`
}

// Defaults is the welcome of a real manager, except that the agent reconnects quickly.
func Defaults() Welcome {
	return Welcome{
		Protocol:            1,
		Connection:          "c7h2k9",
		ServerTime:          time.Now().UnixMilli(),
		HeartbeatIntervalMs: 30_000,
		LeaseMs:             40_000,
		MaxFrameBytes:       65_536,
		MessagesPerSecond:   100,
		CreditFrames:        256,
		CreditBytes:         1 << 20,
		ReconnectSpreadMs:   20,
		Labels:              []string{"edge", "env=prod"},
	}
}

// Send writes one text frame as it is.
func (p *Peer) Send(t testing.TB, frame string) {
	t.Helper()
	p.write(t, websocket.MessageText, frame)
}

// SendBinary writes one binary frame.
func (p *Peer) SendBinary(t testing.TB, frame string) {
	t.Helper()
	p.write(t, websocket.MessageBinary, frame)
}

func (p *Peer) write(t testing.TB, kind websocket.MessageType, frame string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	if err := p.ws.Write(ctx, kind, []byte(frame)); err != nil {
		t.Fatalf("the manager cannot send: %v", err)
	}
}

// Receive reads one frame. It is for the time before Serve.
func (p *Peer) Receive(t testing.TB) protocol.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	_, frame, err := p.ws.Read(ctx)
	if err != nil {
		t.Fatalf("the manager cannot receive: %v", err)
	}
	m, err := protocol.Decode(frame)
	if err != nil {
		t.Fatalf("the agent sent %q: %v", frame, err)
	}
	return m
}

// Welcome sends agent.welcome.
func (p *Peer) Welcome(t testing.TB, w Welcome) {
	t.Helper()
	data, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	p.Send(t, `{"subject":"agent.welcome","data":`+string(data)+`}`)
}

// Register sends the welcome, reads the registration and accepts it. An agent with the enrolment token gets a permanent
// token.
func (p *Peer) Register(t testing.TB, w Welcome) protocol.Message {
	t.Helper()
	p.Welcome(t, w)
	m := p.Receive(t)
	if m.Subject != protocol.SubjectRegister {
		t.Fatalf("the agent began with %q", m.Subject)
	}
	token := ""
	if strings.HasSuffix(p.Header.Get("Authorization"), " "+EnrolmentToken) {
		token = `,"token":"` + PermanentToken + `"`
	}
	p.Send(t, `{"subject":"`+m.Reply+`","data":{"agentId":"k3v","name":"edge-7"`+token+`}}`)
	return m
}

// AnswerProbe answers the echo that makes a connection ready, and then reads no more.
func (p *Peer) AnswerProbe(t testing.TB) {
	t.Helper()
	m := p.Receive(t)
	for m.Subject != protocol.SubjectEcho {
		m = p.Receive(t)
	}
	p.Send(t, `{"subject":"`+m.Reply+`","data":`+string(m.Data)+`}`)
}

// Serve starts to read, and answers heartbeats, subscriptions and test.echo as the manager does.
func (p *Peer) Serve() { go p.serve(true) }

// ServeSilently is Serve without answers to heartbeats.
func (p *Peer) ServeSilently() { go p.serve(false) }

func (p *Peer) serve(acknowledge bool) {
	defer p.end()
	for {
		_, frame, err := p.ws.Read(context.Background())
		if err != nil {
			p.Closed <- err
			return
		}
		m, err := protocol.Decode(frame)
		if err != nil {
			p.Closed <- errors.New("the agent sent a bad frame: " + string(frame))
			return
		}
		answer := ""
		switch {
		case string(frame) == protocol.Heartbeat && acknowledge:
			answer = protocol.HeartbeatAck
		case m.Subject == protocol.SubjectHeartbeat && m.Data != nil && acknowledge:
			now, _ := json.Marshal(time.Now().UnixMilli())
			answer = `{"subject":"agent.heartbeat.ack","data":{"serverTime":` + string(now) + `}}`
		case m.Subject == protocol.SubjectEcho, m.Subject == protocol.SubjectSubscribe:
			echo, _ := protocol.Encode(protocol.Message{Subject: m.Reply, Data: m.Data})
			answer = string(echo)
		}
		if answer != "" {
			_ = p.ws.Write(context.Background(), websocket.MessageText, []byte(answer))
		}
		p.Seen <- m
	}
}

// Await returns the next message that arrives with the subject.
func (p *Peer) Await(t testing.TB, subject string) protocol.Message {
	t.Helper()
	deadline := time.After(Timeout)
	for {
		select {
		case m := <-p.Seen:
			if m.Subject == subject {
				return m
			}
		case err := <-p.Closed:
			t.Fatalf("waiting for %s, the socket ended: %v", subject, err)
		case <-deadline:
			t.Fatalf("no %s came", subject)
		}
	}
}

// AwaitClose returns the close frame that the agent sent; its code is -1 if there was none.
func (p *Peer) AwaitClose(t testing.TB) (code websocket.StatusCode, reason string) {
	t.Helper()
	return p.AwaitCloseWithin(t, Timeout)
}

// AwaitCloseWithin is AwaitClose with a time limit of its own.
func (p *Peer) AwaitCloseWithin(t testing.TB, limit time.Duration) (code websocket.StatusCode, reason string) {
	t.Helper()
	select {
	case err := <-p.Closed:
		var closed websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code, closed.Reason
		}
		return -1, err.Error()
	case <-time.After(limit):
		t.Fatal("the agent did not close")
		return 0, ""
	}
}

// Close sends a close frame.
func (p *Peer) Close(code websocket.StatusCode, reason string) { _ = p.ws.Close(code, reason) }

// Reset ends the socket as a crash of the manager's host does: data on its way is lost.
func (p *Peer) Reset() {
	_ = p.socket.SetLinger(0)
	p.Drop()
}

// Drop ends the socket without a close frame.
func (p *Peer) Drop() {
	_ = p.ws.CloseNow()
	p.end()
}
