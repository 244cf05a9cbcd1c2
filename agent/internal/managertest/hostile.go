package managertest

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// Trick is one thing that a hostile or broken manager does to an agent, again and again. One of the functions is set.
type Trick struct {
	Name   string
	Answer func(http.ResponseWriter, *http.Request) // answers an upgrade
	Play   func(*Foe)                               // is called with each socket
}

// Intercept is for Start and StartInMemory. dials counts the upgrades.
func (trick Trick) Intercept(dials *atomic.Int64) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		dials.Add(1)
		if trick.Answer != nil {
			trick.Answer(w, r)
			return true
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return true
		}
		ws.SetReadLimit(-1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer ws.CloseNow()
		trick.Play(&Foe{ctx: ctx, ws: ws})
		return true
	}
}

// Foe is the hostile end of a socket. Its methods return false once the agent has gone.
type Foe struct {
	ctx context.Context
	ws  *websocket.Conn
}

func (f *Foe) send(frame string) bool {
	return f.ws.Write(f.ctx, websocket.MessageText, []byte(frame)) == nil
}

func (f *Foe) receive() (m protocol.Message, ok bool) {
	_, frame, err := f.ws.Read(f.ctx)
	if err != nil {
		return m, false
	}
	m, err = protocol.Decode(frame)
	return m, err == nil
}

// greet sends a welcome and returns the inbox of the registration.
func (f *Foe) greet(w Welcome) (inbox string, ok bool) {
	data, _ := json.Marshal(w)
	if !f.send(`{"subject":"agent.welcome","data":` + string(data) + `}`) {
		return "", false
	}
	m, ok := f.receive()
	return m.Reply, ok
}

// letIn registers the agent and answers until it is ready.
func (f *Foe) letIn(w Welcome) bool {
	inbox, ok := f.greet(w)
	if !ok || !f.send(`{"subject":"`+inbox+`","data":{"agentId":"k3v","name":"edge-7"}}`) {
		return false
	}
	for {
		m, ok := f.receive()
		if !ok || (m.Subject == protocol.SubjectEcho || m.Subject == protocol.SubjectSubscribe) && !f.send(`{"subject":"`+m.Reply+`","data":`+string(m.Data)+`}`) {
			return false
		}
		if m.Subject == protocol.SubjectEcho {
			return true
		}
	}
}

// await reads until the agent has gone.
func (f *Foe) await() {
	for {
		if _, _, err := f.ws.Read(f.ctx); err != nil {
			return
		}
	}
}

// flood sends the frame while the agent takes it, and reads what it answers.
func (f *Foe) flood(frame string) {
	go f.await()
	for f.send(frame) {
	}
}

// generous is a welcome whose limits are the highest that a manager can name.
func generous() Welcome {
	w := Defaults()
	w.MaxFrameBytes, w.MessagesPerSecond, w.CreditFrames, w.CreditBytes, w.ReconnectSpreadMs = 32<<20, 1<<40, 1<<16, 64<<20, 0
	return w
}

// hasty is a welcome that lets the agent come back at once.
func hasty() Welcome {
	w := Defaults()
	w.ReconnectSpreadMs = 0
	return w
}

const request = `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":`

// floods lets the agent in and then sends one frame all the time.
func floods(name, frame string) Trick {
	return Trick{Name: name, Play: func(f *Foe) {
		if f.letIn(generous()) {
			f.flood(frame)
		}
	}}
}

// refuses answers every upgrade.
func refuses(name string, status int, header, body string) Trick {
	return Trick{Name: name, Answer: func(w http.ResponseWriter, _ *http.Request) {
		if key, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(key, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}}
}

// raw upgrades and then sends bytes all the time, which need not be messages.
func raw(name, bytes string) Trick {
	return Trick{Name: name, Answer: func(w http.ResponseWriter, r *http.Request) {
		socket, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer socket.Close()
		sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(socket, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
		welcome, _ := json.Marshal(generous())
		text := `{"subject":"agent.welcome","data":` + string(welcome) + `}`
		_, _ = socket.Write(append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...))
		go discard(socket)
		for {
			if _, err := socket.Write([]byte(bytes)); err != nil {
				return
			}
		}
	}}
}

func discard(socket net.Conn) {
	buffer := make([]byte, 4096)
	for {
		if _, err := socket.Read(buffer); err != nil {
			return
		}
	}
}

// Loops are tricks with which a manager makes an agent dial again and again.
var Loops = []Trick{
	{Name: "asks to reconnect at once", Play: func(f *Foe) {
		if f.letIn(hasty()) && f.send(`{"subject":"agent.reconnect","data":{"delayMs":0}}`) {
			f.await()
		}
	}},
	{Name: "asks to reconnect before the registration", Play: func(f *Foe) {
		if _, ok := f.greet(hasty()); ok && f.send(`{"subject":"agent.reconnect","data":{"delayMs":0}}`) {
			f.await()
		}
	}},
	{Name: "rotates the token on every connection", Play: func(f *Foe) {
		if f.letIn(hasty()) && f.send(`{"subject":"agent.rotate","reply":"inbox.c7h2k9.m1","data":{"token":"next.token.value"}}`) {
			f.await()
		}
	}},
	{Name: "goes away after the welcome", Play: func(f *Foe) {
		w := hasty()
		w.ReconnectSpreadMs = 1
		if _, ok := f.greet(w); ok {
			_ = f.ws.Close(protocol.CloseGoingAway, "going_away")
		}
	}},
	{Name: "goes away from a ready agent", Play: func(f *Foe) {
		w := hasty()
		w.ReconnectSpreadMs = 1
		if f.letIn(w) {
			_ = f.ws.Close(protocol.CloseGoingAway, "going_away")
		}
	}},
	{Name: "drops a ready agent", Play: func(f *Foe) { f.letIn(hasty()) }},
	{Name: "drops every socket", Play: func(*Foe) {}},
	{Name: "sends a welcome that cannot be used", Play: func(f *Foe) { f.greet(Welcome{}) }},
	{Name: "refuses the registration", Play: func(f *Foe) {
		if inbox, ok := f.greet(hasty()); ok && f.send(`{"subject":"`+inbox+`","error":{"code":"invalid_token","message":"x"}}`) {
			f.await()
		}
	}},
	refuses("refuses the token", 401, "", `{"error":{"code":"invalid_token","message":"x"}}`),
	refuses("asks to retry after nothing", 429, "Retry-After: 0", `{"error":{"code":"too_many_requests","message":"x"}}`),
	refuses("redirects to itself", 307, "Location: /ws", ""),
	refuses("answers endlessly", 200, "", strings.Repeat("x", 1<<20)),
	refuses("has very long headers", 200, "X-Trick: "+strings.Repeat("x", 200_000), ""),
}

// Floods are tricks with which a manager makes an agent work or fill its memory. They need a real network, because they
// never pause.
var Floods = []Trick{
	{Name: "wants a beat every 10 ms", Play: func(f *Foe) {
		w := generous()
		w.HeartbeatIntervalMs, w.LeaseMs = 10, 60_000
		if f.letIn(w) {
			for {
				m, ok := f.receive()
				if !ok || m.Subject == protocol.SubjectHeartbeat && !f.send(protocol.HeartbeatAck) {
					return
				}
			}
		}
	}},
	floods("aligns the heartbeat all the time", `{"subject":"agent.heartbeat.align","data":{"delayMs":0}}`),
	floods("acknowledges beats that nobody sent", protocol.HeartbeatAck),
	floods("asks all the time", request+`1}`),
	floods("asks for what nobody answers", `{"subject":"a.b","reply":"inbox.c7h2k9.m1"}`),
	floods("asks for the information", `{"subject":"agent.info","reply":"inbox.c7h2k9.m1"}`),
	floods("offers tokens that are none", `{"subject":"agent.rotate","reply":"inbox.c7h2k9.m1","data":{"token":"x"}}`),
	floods("refuses what was never sent", `{"subject":"agent.error","error":{"code":"forbidden","message":"x"}}`),
	floods("asks for an impossible delay", `{"subject":"agent.reconnect","data":{"delayMs":-1}}`),
	floods("publishes all the time", `{"subject":"fleet.a","data":1}`),
	floods("publishes a lot", `{"subject":"fleet.a","data":"`+strings.Repeat("x", 1<<20-100)+`"}`),
	floods("sends no JSON", "{"),
	floods("asks with a mebibyte", request+`"`+strings.Repeat("x", 1<<20-100)+`"}`),
	floods("asks with 32 MiB", request+`"`+strings.Repeat("x", 32<<20-100)+`"}`),
	floods("nests deeply", request+strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000)+"}"),
	floods("sends many members", `{"subject":"x"`+manyMembers(80_000)+"}"),
	floods("sends an error of a mebibyte", `{"subject":"agent.error","error":{"code":"forbidden","message":"`+strings.Repeat("x", 1<<20-200)+`"}}`),
	{Name: "asks and reads no answer", Play: func(f *Foe) {
		if f.letIn(generous()) {
			for f.send(request + `"` + strings.Repeat("x", 1<<18) + `"}`) {
			}
		}
	}},
	{Name: "never answers the registration", Play: func(f *Foe) {
		if _, ok := f.greet(generous()); ok {
			f.flood(`{"subject":"fleet.a"}`)
		}
	}},
	{Name: "sends binary frames before the welcome", Play: func(f *Foe) {
		go f.await()
		for f.ws.Write(f.ctx, websocket.MessageBinary, make([]byte, 1000)) == nil {
		}
	}},
	raw("pings all the time", "\x89\x00"),
	raw("pongs all the time", "\x8a\x7d"+strings.Repeat("x", 125)),
	raw("sends a message in endless empty fragments", "\x01\x01x"+strings.Repeat("\x00\x00", 10_000)),
	raw("sends a message in fragments of a byte", "\x01\x01x"+strings.Repeat("\x00\x01x", 10_000)),
}

func manyMembers(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"%x":1`, i)
	}
	return text.String()
}
