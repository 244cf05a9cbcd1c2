package doctor

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/protocol"
)

const (
	ownToken  = "permanent.token.value"
	candidate = "candidate.token.value"
)

// manager is a fake one that answers as docs/PROTOCOL.md says, up to the first heartbeat. It fails the test if a doctor
// registers.
type manager struct {
	t       *testing.T
	refuses map[string]string // code by token; a token that is not here is accepted
	welcome string            // instead of its own
	silent  bool              // it answers no heartbeat
	cuts    bool              // it ends the socket after the welcome
}

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":{"code":"`+code+`","message":"because of `+ownToken+`"}}`)
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path != "/ws":
		http.NotFound(w, r)
		return
	case r.Header.Get("Upgrade") == "":
		refuse(426, "upgrade_required")
		return
	case token == "":
		refuse(401, "missing_token")
		return
	case m.refuses[token] != "":
		status, other := map[string]int{
			"invalid_header": 400, "too_many_requests": 429, "registry_unavailable": 503, "hub_unavailable": 503, "not_configured": 503,
		}[m.refuses[token]]
		if !other {
			status = 403
		}
		refuse(status, m.refuses[token])
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	welcome := m.welcome
	if welcome == "" {
		welcome = `{"subject":"agent.welcome","data":{"protocol":1,"connection":"c7h2k9","serverTime":` + millis(time.Now()) +
			`,"heartbeatIntervalMs":30000,"leaseMs":40000,"maxFrameBytes":65536}}`
	}
	ctx := context.Background()
	if welcome != "none" && ws.Write(ctx, websocket.MessageText, []byte(welcome)) != nil {
		return
	}
	for !m.cuts {
		_, frame, err := ws.Read(ctx)
		if err != nil {
			return
		}
		if string(frame) != protocol.Heartbeat {
			m.t.Errorf("doctor sent %s", frame)
		}
		if !m.silent {
			_ = ws.Write(ctx, websocket.MessageText, []byte(protocol.HeartbeatAck))
		}
	}
}

func millis(at time.Time) string { return big.NewInt(at.UnixMilli()).String() }

// serve serves plain http on the loopback address until the test ends.
func serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	return serveOn(t, listen(t, "127.0.0.1:0"), nil, handler)
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serveOn serves https if there is a certificate.
func serveOn(t *testing.T, l net.Listener, certificate *tls.Certificate, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = l
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if certificate == nil {
		server.Start()
	} else {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
		server.StartTLS()
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// talk runs a server that treats each connection on its own until the test ends.
func talk(t *testing.T, with func(net.Conn)) (address string) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				with(c)
			}()
		}
	}()
	return l.Addr().String()
}

// hold reads without an answer until the other end leaves.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// afterRequest answers the first request with raw bytes.
func afterRequest(answer string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, answer)
			hold(c)
		}
	}
}

// slowly delays what arrives, as a slow link does.
type slowly struct {
	net.Listener
	delay time.Duration
}

func (s slowly) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	return slowConn{c, s.delay}, err
}

type slowConn struct {
	net.Conn
	delay time.Duration
}

func (s slowConn) Read(p []byte) (int, error) {
	time.Sleep(s.delay)
	return s.Conn.Read(p)
}

// deaf is an address that drops the packets of new connections: its queue is full.
func deaf(t *testing.T) (address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address = net.JoinHostPort("127.0.0.1", big.NewInt(int64(name.(*syscall.SockaddrInet4).Port)).String())
	for { // until one gets no answer
		c, err := net.DialTimeout("tcp", address, 500*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), pool: x509.NewCertPool()}
	a.certificate = parse(t, sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-10 * year), NotAfter: time.Now().Add(10 * year),
	}, nil, a.key, a.key))
	a.pool.AddCert(a.certificate)
	return a
}

const year = 365 * 24 * time.Hour

// issue signs a certificate for loopback addresses and names of this test.
func (a *authority) issue(t *testing.T, from, until time.Duration, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "manager"}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		DNSNames: []string{"manager.doctor.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if change != nil {
		change(template)
	}
	return &tls.Certificate{Certificate: [][]byte{sign(t, template, a.certificate, key, a.key)}, PrivateKey: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parse(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connectProxy is an HTTP proxy for https managers. answer refuses CONNECT with raw bytes; empty: it connects.
func connectProxy(t *testing.T, answer string) (address string) {
	return talk(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		switch {
		case err != nil:
			return
		case answer != "":
			_, _ = io.WriteString(c, answer)
			return
		case r.Method != http.MethodConnect:
			_, _ = io.WriteString(c, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		join(c, to)
	})
}

// forwardProxy is an HTTP proxy for http managers.
func forwardProxy(t *testing.T) (address string) {
	return talk(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return
		}
		if r.Write(to) == nil {
			join(c, to)
		}
	})
}

func join(a, b net.Conn) {
	defer b.Close()
	go func() {
		_, _ = io.Copy(b, a)
		b.Close()
	}()
	_, _ = io.Copy(a, b)
}

// socksProxy speaks SOCKS5. method is its answer to the greeting, and reply the one to the request (RFC 1928).
func socksProxy(t *testing.T, method, reply byte) (address string) {
	return talk(t, func(c net.Conn) {
		var greeting [2]byte
		if _, err := io.ReadFull(c, greeting[:]); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, c, int64(greeting[1])); err != nil {
			return
		}
		_, _ = c.Write([]byte{5, method})
		var request [4]byte
		if _, err := io.ReadFull(c, request[:]); method != 0 || err != nil {
			return
		}
		host := make([]byte, 4)
		if request[3] == 3 {
			var length [1]byte
			_, _ = io.ReadFull(c, length[:])
			host = make([]byte, length[0])
		}
		var port [2]byte
		_, _ = io.ReadFull(c, host)
		_, _ = io.ReadFull(c, port[:])
		name := string(host)
		if request[3] == 1 {
			name = net.IP(host).String()
		}
		to, err := net.Dial("tcp", net.JoinHostPort(name, big.NewInt(int64(binary.BigEndian.Uint16(port[:]))).String()))
		if err != nil && reply == 0 {
			reply = 5
		}
		_, _ = c.Write([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
		if err == nil && reply == 0 {
			join(c, to)
		}
	})
}

// startNames replaces this process's name service. Names that begin with "manager." and "six." are the loopback addresses,
// "broken." makes the server fail, "silent." gets no answer, and no other name is known.
func startNames() {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer := answerName(packet[:n]); answer != nil {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// answerName answers one question in the format of RFC 1035; nil: not at all.
func answerName(question []byte) []byte {
	end, name := 12, ""
	for question[end] != 0 {
		length := int(question[end])
		name += string(question[end+1:end+1+length]) + "."
		end += 1 + length
	}
	kind := binary.BigEndian.Uint16(question[end+1:])
	answer := append([]byte{}, question[:end+5]...)
	binary.BigEndian.PutUint64(answer[2:], 0x8180_0001_0000_0000)
	binary.BigEndian.PutUint16(answer[10:], 0)
	record := func(kind uint16, address []byte) {
		answer[7] = 1
		answer = append(answer, 0xC0, 12)
		answer = binary.BigEndian.AppendUint16(answer, kind)
		answer = append(answer, 0, 1, 0, 0, 0, 1)
		answer = binary.BigEndian.AppendUint16(answer, uint16(len(address)))
		answer = append(answer, address...)
	}
	const a, aaaa = 1, 28
	switch first, _, _ := strings.Cut(name, "."); {
	case first == "silent":
		return nil
	case first == "broken":
		answer[3] |= 2
	case first == "manager" || first == "other":
		if kind == a {
			record(a, net.IPv4(127, 0, 0, 1).To4())
		}
	case first == "six":
		if kind == aaaa {
			record(aaaa, net.IPv6loopback)
		}
	default:
		answer[3] |= 3
	}
	return answer
}

// halfAFrame opens a WebSocket, sends one frame, and then half of another.
func halfAFrame(w http.ResponseWriter, r *http.Request, frame string) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n"+frame+"\x81\x20{\"subject\"")
	hold(c)
}
