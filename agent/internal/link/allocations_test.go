package link

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// frugalManager is the manager's end of one connection. Once the agent is registered it allocates nothing, so that a test
// can count what the agent allocates.
type frugalManager struct {
	socket net.Conn
	reader *bufio.Reader
	frame  [4096]byte // the last one that came
}

// frameOf is a text frame of the manager.
func frameOf(text string) []byte {
	return append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
}

var heartbeatAck = frameOf(protocol.HeartbeatAck)

// accept answers the upgrade, and welcomes and registers the agent.
func accept(t *testing.T, socket net.Conn) *frugalManager {
	m := &frugalManager{socket: socket, reader: bufio.NewReader(socket)}
	r, err := http.ReadRequest(m.reader)
	if err != nil {
		t.Fatal(err)
	}
	key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(socket, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(key[:]))
	m.send(frameOf(`{"subject":"agent.welcome","data":{"connection":"c7h2k9","heartbeatIntervalMs":30000,"leaseMs":40000,"maxFrameBytes":65536}}`))
	registration, err := protocol.Decode(m.receive())
	if err != nil {
		t.Fatal(err)
	}
	m.send(frameOf(`{"subject":"` + registration.Reply + `","data":{"agentId":"k3v","name":"edge-7"}}`))
	return m
}

func (m *frugalManager) send(frame []byte) { _, _ = m.socket.Write(frame) }

// receive reads one text frame of less than 64 KiB and returns its text. It is nil if the agent ends the connection.
func (m *frugalManager) receive() []byte {
	if _, err := io.ReadFull(m.reader, m.frame[:2]); err != nil || m.frame[0] != 0x81 {
		return nil
	}
	length := int(m.frame[1] & 0x7f)
	if length == 126 {
		_, _ = io.ReadFull(m.reader, m.frame[:2])
		length = int(m.frame[0])<<8 | int(m.frame[1])
	}
	masked := m.frame[:4+length]
	if _, err := io.ReadFull(m.reader, masked); err != nil {
		return nil
	}
	mask, text := masked[:4], masked[4:]
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return text
}

// serve answers heartbeats, and the first test.echo. answered gets a value for each other frame.
func (m *frugalManager) serve(answered chan<- struct{}) {
	for isFirst := true; ; {
		frame := m.receive()
		switch {
		case frame == nil:
			return
		case string(frame) == protocol.Heartbeat:
			m.send(heartbeatAck)
		case bytes.HasPrefix(frame, []byte(`{"subject":"agent.heartbeat"`)): // the report after the first beat
		case isFirst:
			isFirst = false
			echo, _ := protocol.Decode(frame)
			m.send(frameOf(`{"subject":"` + echo.Reply + `","data":` + string(echo.Data) + `}`))
		default:
			answered <- struct{}{}
		}
	}
}

// allocationsOf returns how many allocations one of many steps makes.
func allocationsOf(many int, steps func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	steps()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(many)
}

// What an idle agent allocates makes its garbage collector run, and so costs CPU time and memory. Of the 41 allocations of a
// beat, 19 are of the look at the state directory in its 30 s. The others are nearly all of the contexts that limit a write
// and end a read. So are those 44 of an echo, with the message itself and the context of its handler.
const (
	mostOfABeat  = 44
	mostOfAnEcho = 47
)

func TestABeatAndAnEchoAllocateLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agents, managers := net.Pipe()
		r := run(t, "http://manager.invalid", func(l *Link) {
			l.http.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return agents, nil }}
		})
		m := accept(t, managers)
		answered := make(chan struct{})
		go m.serve(answered)
		r.log.says(t, "msg=connected")

		const beats, echoes = 1000, 1000
		time.Sleep(time.Minute)
		beat := allocationsOf(beats, func() { time.Sleep(beats * 30 * time.Second) })
		request := frameOf(`{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":{"text":"hello"}}`)
		echo := allocationsOf(echoes, func() {
			for range echoes {
				m.send(request)
				<-answered
			}
		})
		if beat > mostOfABeat || echo > mostOfAnEcho {
			t.Errorf("a beat and its 30 s make %.1f allocations, at most %d are allowed; an echo makes %.1f, at most %d", beat, mostOfABeat, echo, mostOfAnEcho)
		}
		if n := r.stats.connections.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
		m.socket.Close()
	})
}
