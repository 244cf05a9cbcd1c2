//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// manager is the other end of all clients. It speaks TLS, welcomes and registers agents, and answers heartbeats and
// test.echo as a real one does.
type manager struct {
	url         string
	certificate []byte // PEM; a client must trust it
	server      *http.Server

	mu      sync.Mutex
	clients map[string]*peer // by name
}

// peer is a client, from its first connection on.
type peer struct {
	mu        sync.Mutex
	socket    *websocket.Conn // the latest
	connected int             // how often it was ready: it has beaten, and an agent has sent its echo too
	drops     int             // how many of the next connections end as soon as they are ready
	answers   chan protocol.Message
}

// breath is the time between a client's last step and the end of its connection: its own side of the step takes a moment.
const breath = 3 * time.Millisecond

func startManager() (*manager, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &manager{
		url:         "https://" + listener.Addr().String(),
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		clients:     map[string]*peer{},
	}
	m.server = &http.Server{
		Handler:   http.HandlerFunc(m.upgrade),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	go func() { _ = m.server.ServeTLS(listener, "", "") }()
	return m, nil
}

// client returns the client with a name: an agent's token, or the path that a bare client dials.
func (m *manager) client(name string) *peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clients[name] == nil {
		m.clients[name] = &peer{answers: make(chan protocol.Message, 1)}
	}
	return m.clients[name]
}

func (m *manager) upgrade(w http.ResponseWriter, r *http.Request) {
	token, isAgent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p := m.client(token)
	if !isAgent {
		p = m.client(strings.TrimPrefix(r.URL.Path, "/"))
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	p.mu.Lock()
	p.socket = ws
	p.mu.Unlock()
	if isAgent {
		send(ws, `{"subject":"agent.welcome","data":{"protocol":1,"connection":"c7h2k9","serverTime":%d,"heartbeatIntervalMs":30000,
			"heartbeatDelayMs":5000,"leaseMs":40000,"maxFrameBytes":65536,"messagesPerSecond":100,"creditFrames":256,
			"creditBytes":1048576,"reconnectSpreadMs":0}}`, time.Now().UnixMilli())
	}
	beaten, echoed := false, !isAgent
	for counted := false; ; {
		_, frame, err := ws.Read(context.Background())
		if err != nil {
			return
		}
		m, err := protocol.Decode(frame)
		if err != nil {
			return
		}
		switch {
		case m.Subject == protocol.SubjectRegister:
			send(ws, `{"subject":%q,"data":{"agentId":"k3v","name":"bench"}}`, m.Reply)
		case m.Subject == protocol.SubjectEcho:
			send(ws, `{"subject":%q,"data":%s}`, m.Reply, m.Data)
			echoed = true
		case m.Subject == protocol.SubjectHeartbeat && m.Data != nil:
			send(ws, `{"subject":"agent.heartbeat.ack","data":{"serverTime":%d}}`, time.Now().UnixMilli())
		case m.Subject == protocol.SubjectHeartbeat:
			send(ws, "%s", protocol.HeartbeatAck)
			beaten = true
		default:
			p.answers <- m
		}
		if !counted && beaten && echoed {
			counted = true
			if p.countConnection() {
				time.Sleep(breath)
				return
			}
		}
	}
}

func send(ws *websocket.Conn, format string, values ...any) {
	_ = ws.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, format, values...))
}

// countConnection reports whether the connection must end.
func (p *peer) countConnection() (end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected++
	if p.drops > 0 {
		p.drops--
		return true
	}
	return false
}

func (p *peer) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connected
}

// dropNext ends the connection, and the next ones as soon as they are ready. So the client reconnects so many times.
func (p *peer) dropNext(times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = times - 1
	p.socket.CloseNow()
}

// goroutines asks an agent how many it has. Two of them answer the question.
func (p *peer) goroutines() (int, error) {
	p.mu.Lock()
	ws := p.socket
	p.mu.Unlock()
	send(ws, `{"subject":"agent.info","reply":"inbox.c7h2k9.bench"}`)
	select {
	case m := <-p.answers:
		var info struct{ Goroutines int }
		err := json.Unmarshal(m.Data, &info)
		return info.Goroutines, err
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("no answer to agent.info")
	}
}
