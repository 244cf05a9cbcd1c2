package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// frame is a message of the protocol: docs/PROTOCOL.md "Frames".
type frame struct {
	Subject string          `json:"subject"`
	Reply   string          `json:"reply,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

// socket is one connection. It has no goroutine of its own: whoever uses it reads it.
type socket struct {
	conn       *websocket.Conn
	connection string
	requests   int
}

// stepTimeout limits each step of opening a socket.
const stepTimeout = 60 * time.Second

// dial opens a socket and waits for the welcome.
func dial(ctx context.Context, client *http.Client, url, token, installID string) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	header := http.Header{"Zedops-Install-Id": {installID}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, HTTPHeader: header})
	if err != nil {
		if response != nil {
			return nil, fmt.Errorf("refused with %s", response.Status)
		}
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	s := &socket{conn: conn}
	welcome, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var data struct {
		Connection string `json:"connection"`
	}
	if err := json.Unmarshal(welcome.Data, &data); err != nil {
		return nil, err
	}
	s.connection = data.Connection
	return s, nil
}

// register registers an agent. The token is empty if the socket was opened with a permanent one.
func (s *socket) register(ctx context.Context) (token string, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	reply, err := s.request(ctx, "agent.register",
		`{"protocol":1,"version":"1.0.0","os":"linux","arch":"amd64","hostname":"bench","alignsHeartbeat":true}`)
	if err != nil {
		return "", err
	}
	var registered struct {
		Token string `json:"token"`
	}
	return registered.Token, json.Unmarshal(reply.Data, &registered)
}

// request sends a request and waits for the next frame that is its reply.
func (s *socket) request(ctx context.Context, subject, data string) (frame, error) {
	inbox := s.inbox()
	err := s.conn.Write(ctx, websocket.MessageText, []byte(`{"subject":"`+subject+`","reply":"`+inbox+`","data":`+data+`}`))
	for err == nil {
		var f frame
		if f, err = s.read(ctx); err == nil && f.Subject == inbox {
			if f.Error != nil {
				return f, fmt.Errorf("%s failed: %s", subject, f.Error)
			}
			return f, nil
		}
	}
	return frame{}, err
}

func (s *socket) inbox() string {
	s.requests++
	return fmt.Sprintf("inbox.%s.%d", s.connection, s.requests)
}

func (s *socket) read(ctx context.Context) (frame, error) {
	_, text, err := s.conn.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	var f frame
	return f, json.Unmarshal(text, &f)
}

// readReply reads one frame and checks that it is no error. It does not parse it: the client must cost less than the server.
func (s *socket) readReply(ctx context.Context) error {
	_, text, err := s.conn.Read(ctx)
	if err == nil && bytes.Contains(text, []byte(`"error"`)) {
		err = fmt.Errorf("an echo failed: %s", text)
	}
	return err
}

// newInstallID is a random UUID.
func newInstallID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
