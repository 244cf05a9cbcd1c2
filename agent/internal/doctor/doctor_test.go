package doctor

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestMain(m *testing.M) {
	startNames()
	dir, err := os.MkdirTemp("", "zedops-doctor-test")
	if err != nil {
		panic(err)
	}
	link.ResolverFile = filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(link.ResolverFile, []byte("nameserver 192.0.2.1\n"), 0o600); err != nil {
		panic(err)
	}
	// The system has one authority: that of no manager here.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"} {
		os.Unsetenv(name)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// patient is a host with its way to a manager.
type patient struct {
	dir         string // its state
	manager     string
	enrolled    bool
	candidate   bool
	authorities *x509.CertPool
	proxy       string
	clock       time.Duration // ahead
	patience    time.Duration // 0: long
	useProxy    func(identity.Manager) error
	ask         func() (Agent, error)
	running     bool
}

// enrolledWith is a host whose manager is at the URL.
func enrolledWith(manager string) patient { return patient{manager: manager, enrolled: true} }

// impatient is for what would cost the full time limit of an agent.
func (p patient) impatient() patient {
	p.patience = 1500 * time.Millisecond
	return p
}

func (p patient) config(t *testing.T) Config {
	t.Helper()
	c := Config{StateDir: p.dir, Default: p.manager, Version: "1.2.3-test", Authorities: p.authorities, StepTimeout: p.patience, UseProxy: p.useProxy, Ask: p.ask}
	if p.dir == "" {
		c.StateDir = filepath.Join(t.TempDir(), "state")
	}
	if p.enrolled {
		manager, err := identity.ParseManager(p.manager)
		if err != nil {
			t.Fatal(err)
		}
		s, err := identity.Open(c.StateDir)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Save(identity.Credential{Manager: manager, Token: ownToken}); err != nil {
			t.Fatal(err)
		}
		if p.candidate {
			if err := s.SaveCandidate(candidate); err != nil {
				t.Fatal(err)
			}
		}
		if p.running {
			t.Cleanup(func() { s.Close() })
		} else {
			s.Close()
		}
	}
	if c.Default == "" {
		c.Default = "http://127.0.0.1:1"
	}
	ahead := p.clock
	c.Clock = func() time.Time { return time.Now().Add(ahead) }
	c.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	if p.proxy != "" {
		proxy, err := url.Parse(p.proxy)
		if err != nil {
			t.Fatal(err)
		}
		c.Proxy = http.ProxyURL(proxy)
	}
	return c
}

func diagnose(t *testing.T, c Config) Report {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var text, document bytes.Buffer
	if err := errors.Join(r.WriteText(&text), r.WriteJSON(&document)); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{ownToken, candidate, "s3cret"} {
		if strings.Contains(text.String()+document.String(), secret) {
			t.Errorf("a secret was printed:\n%s", text.String())
		}
	}
	if t.Cleanup(func() {
		if t.Failed() {
			t.Logf("doctor said:\n%s", text.String())
		}
	}); len(r.Checks) != len(fault.Steps) {
		t.Fatalf("there are %d checks", len(r.Checks))
	}
	return r
}

func (r Report) of(step fault.Step) Check {
	return r.Checks[slices.IndexFunc(r.Checks, func(c Check) bool { return c.Step == step })]
}

// secure serves a healthy manager with this certificate.
func secure(t *testing.T, certificate *tls.Certificate) (url string) {
	return serveOn(t, listen(t, "127.0.0.1:0"), certificate, &manager{t: t})
}

// portOf replaces the address of a URL by a name.
func named(name, of string) string { return strings.Replace(of, "127.0.0.1", name, 1) }

func html(status int, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>log in</html>")
	})
}

func TestHealthyHosts(t *testing.T) {
	ca := newAuthority(t, "Home Lab CA")
	good := ca.issue(t, -time.Hour, 24*time.Hour, nil)
	trusting := func(p patient) patient {
		p.authorities = ca.pool
		return p
	}
	through := func(proxy string, p patient) patient {
		p.proxy = proxy
		return p
	}
	for name, host := range map[string]func(t *testing.T) patient{
		"direct, plain http":  func(t *testing.T) patient { return enrolledWith(serve(t, &manager{t: t})) },
		"a private authority": func(t *testing.T) patient { return trusting(enrolledWith(secure(t, good))) },
		"a name": func(t *testing.T) patient {
			return trusting(enrolledWith(named("manager.doctor.test", secure(t, good))))
		},
		"behind an HTTP proxy": func(t *testing.T) patient {
			return through("http://"+connectProxy(t, ""), trusting(enrolledWith(secure(t, good))))
		},
		"behind an HTTP proxy with a password, by name": func(t *testing.T) patient {
			return through(named("manager.doctor.test", "http://user:s3cret@"+connectProxy(t, "")), trusting(enrolledWith(secure(t, good))))
		},
		"behind an HTTP proxy, plain http": func(t *testing.T) patient {
			return through("http://"+forwardProxy(t), enrolledWith(serve(t, &manager{t: t})))
		},
		"behind a SOCKS5 proxy": func(t *testing.T) patient {
			return through("socks5://"+socksProxy(t, 0, 0), trusting(enrolledWith(secure(t, good))))
		},
		"behind a SOCKS5 proxy, plain http": func(t *testing.T) patient {
			return through("socks5h://"+socksProxy(t, 0, 0), enrolledWith(serve(t, &manager{t: t})))
		},
		"IPv6 only": func(t *testing.T) patient {
			l, err := net.Listen("tcp6", "[::1]:0")
			if err != nil {
				t.Skipf("this machine has no IPv6: %v", err)
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			serveOn(t, l, nil, &manager{t: t})
			return enrolledWith("http://six.doctor.test:" + port)
		},
		"a slow link": func(t *testing.T) patient {
			l := slowly{listen(t, "127.0.0.1:0"), 700 * time.Millisecond}
			return trusting(enrolledWith(serveOn(t, l, good, &manager{t: t})))
		},
		"a clock that is four minutes off": func(t *testing.T) patient {
			p := trusting(enrolledWith(secure(t, good)))
			p.clock = -4 * time.Minute
			return p
		},
		"an offered token": func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t}))
			p.candidate = true
			return p
		},
		"an offered token that was replaced": func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t, refuses: map[string]string{candidate: "invalid_token"}}))
			p.candidate = true
			return p
		},
		"an agent that runs": func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t}))
			p.running = true
			p.ask = func() (Agent, error) { return Agent{Connected: true, Text: "for 3h"}, nil }
			return p
		},
		"an agent of an earlier release": func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t}))
			p.running = true
			p.ask = func() (Agent, error) { return Agent{}, errors.New("nobody listens") }
			return p
		},
		"a welcome without a time": func(t *testing.T) patient {
			return enrolledWith(serve(t, &manager{t: t, welcome: `{"subject":"agent.welcome","data":{"connection":"c","heartbeatIntervalMs":30000,"leaseMs":40000,"maxFrameBytes":65536}}`}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := diagnose(t, host(t).config(t))
			for _, c := range r.Checks {
				mayBeSkipped := c.Step == fault.TLS || (c.Step == fault.Clock && name == "a welcome without a time")
				if c.Result == Failed || c.Result == Skipped && !mayBeSkipped || c.Code != "" || c.Remedy != "" || c.Text == "" {
					t.Errorf("%+v", c)
				}
			}
			if !r.Healthy {
				t.Error("it is not healthy")
			}
		})
	}
}

func TestAHostThatIsNotEnrolledIsHealthy(t *testing.T) {
	for name, p := range map[string]patient{
		"with its default": {manager: serve(t, &manager{t: t})},
		"with a directory": {manager: serve(t, &manager{t: t}), dir: closedDir(t)},
	} {
		t.Run(name, func(t *testing.T) {
			c := p.config(t)
			r := diagnose(t, c)
			if !r.Healthy || r.of(fault.Upgrade).Result != OK || r.of(fault.Credential).Result != Skipped || !strings.Contains(r.of(fault.Credential).Text, "not enrolled") || r.of(fault.Clock).Result != OK {
				t.Errorf("got %+v", r)
			}
			if !strings.Contains(r.of(fault.State).Text, "the default is checked") {
				t.Error("it does not say which manager it checks")
			}
			if files, _ := os.ReadDir(c.StateDir); len(files) > 0 {
				t.Errorf("it left %v behind", files)
			}
		})
	}
}

func closedDir(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestATokenGoesToItsOwnManagerOnly(t *testing.T) {
	p := enrolledWith("http://192.0.2.1:1")
	c := p.config(t)
	c.Manager = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shown := r.Header.Get("Authorization"); shown != "" {
			t.Errorf("it showed %s", shown)
		}
		(&manager{t: t}).ServeHTTP(w, r)
	}))
	r := diagnose(t, c)
	if !r.Healthy || r.of(fault.Credential).Result != Skipped || !strings.Contains(r.of(fault.Credential).Text, "enrolled with http://192.0.2.1:1") {
		t.Errorf("got %+v", r)
	}
}

// sick is one row of docs/OPERATIONS.md "What doctor says", in the order of the page.
type sick struct {
	fault string
	step  fault.Step
	code  fault.Code
	host  func(t *testing.T) patient // nil: another test, which the page's row does not name, shows it
}

func sickHosts(t *testing.T) []sick {
	const day = 24 * time.Hour
	ca, stranger := newAuthority(t, "Home Lab CA"), newAuthority(t, "Somebody Else")
	good := ca.issue(t, -time.Hour, day, nil)
	plain := func(handler func(t *testing.T) http.Handler) func(*testing.T) patient {
		return func(t *testing.T) patient { return enrolledWith(serve(t, handler(t))).impatient() }
	}
	raw := func(answer func(net.Conn)) func(*testing.T) patient {
		return func(t *testing.T) patient { return enrolledWith("http://" + talk(t, answer)).impatient() }
	}
	rawTLS := func(answer func(net.Conn)) func(*testing.T) patient {
		return func(t *testing.T) patient {
			p := enrolledWith("https://" + talk(t, answer)).impatient()
			p.authorities = ca.pool
			return p
		}
	}
	certified := func(c *tls.Certificate) func(*testing.T) patient {
		return func(t *testing.T) patient {
			p := enrolledWith(secure(t, c))
			p.authorities = ca.pool
			return p
		}
	}
	proxied := func(proxy func(*testing.T) string) func(*testing.T) patient {
		return func(t *testing.T) patient {
			p := certified(good)(t)
			p.proxy, p.patience = proxy(t), 1500*time.Millisecond
			return p
		}
	}
	connects := func(answer string) func(*testing.T) patient {
		return proxied(func(t *testing.T) string { return "http://user:s3cret@" + connectProxy(t, answer) })
	}
	socks := func(method, reply byte) func(*testing.T) patient {
		return proxied(func(t *testing.T) string { return "socks5://" + socksProxy(t, method, reply) })
	}
	refuses := func(code string) func(*testing.T) patient {
		return plain(func(t *testing.T) http.Handler { return &manager{t: t, refuses: map[string]string{ownToken: code}} })
	}
	changed := func(change func(dir string)) func(*testing.T) patient {
		return func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t}))
			c := p.config(t)
			change(c.StateDir)
			return patient{dir: c.StateDir, manager: p.manager}
		}
	}
	frame := func(text string) string { return string([]byte{0x81, byte(len(text))}) + text }
	return []sick{
		{"the state directory belongs to another user", fault.State, fault.StateUnreadable, nil},
		{"other users can enter the state directory", fault.State, fault.StateOpen, changed(func(dir string) { _ = os.Chmod(dir, 0o755) })},
		{"a file of the state directory is damaged", fault.State, fault.StateDamaged, changed(func(dir string) { _ = os.WriteFile(filepath.Join(dir, "token"), []byte("two words"), 0o600) })},
		{"the disk is full or read-only", fault.State, fault.StateUnwritable, nil},

		{"this host's clock is wrong by more than 5 minutes", fault.Clock, fault.ClockWrong, func(t *testing.T) patient {
			p := certified(good)(t)
			p.clock = 20 * time.Minute
			return p
		}},

		{"no name server knows the manager's name", fault.Names, fault.NameNotFound, func(t *testing.T) patient { return enrolledWith("http://absent.doctor.test").impatient() }},
		{"no name server knows the proxy's name", fault.Names, fault.NameNotFound, proxied(func(*testing.T) string { return "http://absent.doctor.test:3128" })},
		{"the name server fails", fault.Names, fault.NameServiceDown, func(t *testing.T) patient { return enrolledWith("http://broken.doctor.test").impatient() }},
		{"the name server does not answer", fault.Names, fault.NameServiceDown, func(t *testing.T) patient { return enrolledWith("http://silent.doctor.test").impatient() }},
		{"the host has no name server", fault.Names, fault.NoNameServer, nil},

		{"the environment names a proxy that is none", fault.Proxy, fault.ProxyUnusable, func(t *testing.T) patient {
			p := certified(good)(t)
			p.useProxy = func(identity.Manager) error { return errors.New("HTTPS_PROXY cannot be used as a proxy") }
			return p
		}},
		{"the proxy does not run", fault.Proxy, fault.ProxyUnreachable, proxied(func(t *testing.T) string { return "http://" + managertest.Nobody(t) })},
		{"the proxy wants a log-in (407)", fault.Proxy, fault.ProxyLogin, connects("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")},
		{"the SOCKS5 proxy wants a log-in", fault.Proxy, fault.ProxyLogin, socks(0xFF, 0)},
		{"the proxy forbids the manager (403)", fault.Proxy, fault.ProxyForbids, connects("HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>")},
		{"the SOCKS5 proxy forbids the manager", fault.Proxy, fault.ProxyForbids, socks(0, 2)},
		{"a captive portal answers for the proxy", fault.Proxy, fault.ProxyPortal, connects("HTTP/1.1 302 Found\r\nLocation: http://portal.example/login?session=s3cret\r\n\r\n")},
		{"the proxy is of another kind", fault.Proxy, fault.ProxyBroken, proxied(func(t *testing.T) string { return "socks5://" + connectProxy(t, "") })},
		{"the proxy does not answer", fault.Proxy, fault.ProxyBroken, proxied(func(t *testing.T) string { return "http://" + talk(t, hold) })},

		{"the manager does not run", fault.TCP, fault.Refused, func(t *testing.T) patient { return enrolledWith("http://" + managertest.Nobody(t)) }},
		{"packets to the manager are lost", fault.TCP, fault.NoAnswer, func(t *testing.T) patient { return enrolledWith("http://" + deaf(t)).impatient() }},
		{"the network is down", fault.TCP, fault.NoRoute, nil},
		{"this host's firewall forbids it", fault.TCP, fault.BlockedHere, nil},
		{"the proxy cannot reach the manager", fault.TCP, fault.ProxyNoRoute, func(t *testing.T) patient {
			p := enrolledWith("https://" + managertest.Nobody(t))
			p.proxy = "http://" + connectProxy(t, "")
			return p
		}},
		{"the SOCKS5 proxy cannot reach the manager", fault.TCP, fault.ProxyNoRoute, func(t *testing.T) patient {
			p := enrolledWith("https://" + managertest.Nobody(t))
			p.proxy = "socks5://" + socksProxy(t, 0, 0)
			return p
		}},

		{"the host has no certificates of authorities", fault.TLS, fault.NoAuthorities, nil},
		{"SSL_CERT_FILE names no file of certificates", fault.TLS, fault.CertFileUnusable, nil},
		{"the certificate is of an unknown authority", fault.TLS, fault.UnknownAuthority, certified(stranger.issue(t, -time.Hour, day, nil))},
		{"the certificate has expired", fault.TLS, fault.CertExpired, certified(ca.issue(t, -2*day, -day, nil))},
		{"the certificate is not yet valid", fault.TLS, fault.CertNotYetValid, certified(ca.issue(t, day, 2*day, nil))},
		{"the certificate is for another name", fault.TLS, fault.CertOtherName, func(t *testing.T) patient {
			p := enrolledWith(named("other.doctor.test", secure(t, good)))
			p.authorities = ca.pool
			return p
		}},
		{"the certificate is not for a server", fault.TLS, fault.CertInvalid, certified(ca.issue(t, -time.Hour, day, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))},
		{"https is expected and the other end speaks http", fault.TLS, fault.NotTLS, func(t *testing.T) patient {
			return enrolledWith(strings.Replace(serve(t, &manager{t: t}), "http:", "https:", 1))
		}},
		{"the other end refuses the TLS handshake", fault.TLS, fault.HandshakeRefused, rawTLS(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // the alert handshake_failure
			hold(c)
		})},
		{"the TLS handshake breaks off", fault.TLS, fault.HandshakeCut, rawTLS(func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })},
		{"the TLS handshake gets no answer", fault.TLS, fault.HandshakeNoAnswer, rawTLS(hold)},

		{"http is used and the other end expects https", fault.Upgrade, fault.WantsTLS, func(t *testing.T) patient {
			return enrolledWith(strings.Replace(secure(t, good), "https:", "http:", 1))
		}},
		{"http is redirected to https", fault.Upgrade, fault.WantsTLS, plain(func(*testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://"+r.Host+"/ws", http.StatusMovedPermanently)
			})
		})},
		{"the front speaks HTTP/2 only", fault.Upgrade, fault.OnlyHTTP2, raw(afterRequest("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00\x00\x05\x00\xff\xff\xff\r\n"))},
		{"the front refuses HTTP/1.1 (505)", fault.Upgrade, fault.OnlyHTTP2, plain(func(*testing.T) http.Handler { return html(505) })},
		{"a proxy strips the header Upgrade", fault.Upgrade, fault.NoWebSocket, plain(func(t *testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Upgrade")
				(&manager{t: t}).ServeHTTP(w, r)
			})
		})},
		{"a proxy alters the answer to the upgrade", fault.Upgrade, fault.NoWebSocket, raw(afterRequest("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))},
		{"a captive portal redirects (302)", fault.Upgrade, fault.Redirected, plain(func(*testing.T) http.Handler {
			return html(302, "Location", "http://portal.example/login?session=s3cret")
		})},
		{"a captive portal answers 403", fault.Upgrade, fault.Portal, plain(func(*testing.T) http.Handler { return html(403) })},
		{"a captive portal answers 200", fault.Upgrade, fault.Portal, plain(func(*testing.T) http.Handler { return html(200) })},
		{"the URL is that of another server (404)", fault.Upgrade, fault.NotFound, plain(func(*testing.T) http.Handler { return http.NotFoundHandler() })},
		{"the other end does not speak HTTP", fault.Upgrade, fault.NotManager, raw(afterRequest("SSH-2.0-OpenSSH_9.2\r\n"))},
		{"the other end speaks first", fault.Upgrade, fault.NotManager, raw(func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
			hold(c)
		})},
		{"the other end is a WebSocket server, but no manager", fault.Upgrade, fault.NotManager, plain(func(t *testing.T) http.Handler { return &manager{t: t, welcome: `{"subject":"hello"}`} })},
		{"a proxy before the manager fails (502)", fault.Upgrade, fault.ServerError, plain(func(*testing.T) http.Handler { return html(502) })},
		{"the manager cannot reach its database", fault.Upgrade, "registry_unavailable", refuses("registry_unavailable")},
		{"a hub of the manager fails", fault.Upgrade, "hub_unavailable", refuses("hub_unavailable")},
		{"the manager lacks a setting", fault.Upgrade, "not_configured", refuses("not_configured")},
		{"this host connects too often", fault.Upgrade, "too_many_requests", refuses("too_many_requests")},
		{"something alters the agent's headers", fault.Upgrade, "invalid_header", refuses("invalid_header")},
		{"the upgrade gets no answer", fault.Upgrade, fault.UpgradeNoAnswer, raw(hold)},
		{"the upgrade is answered byte by byte", fault.Upgrade, fault.UpgradeNoAnswer, raw(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			for _, b := range []byte("HTTP/1.1 101 Switching Protocols\r\n") {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		})},
		{"the welcome does not arrive", fault.Upgrade, fault.UpgradeNoAnswer, plain(func(t *testing.T) http.Handler { return &manager{t: t, welcome: "none"} })},
		{"the connection breaks off at once", fault.Upgrade, fault.UpgradeCut, raw(func(net.Conn) {})},
		{"the connection breaks off at the upgrade", fault.Upgrade, fault.UpgradeCut, raw(func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) })},

		{"the manager refuses the token", fault.Credential, "invalid_token", refuses("invalid_token")},
		{"an operator revoked the agent", fault.Credential, "agent_revoked", refuses("agent_revoked")},
		{"an operator removed the agent", fault.Credential, "agent_removed", refuses("agent_removed")},
		{"a proxy adds the header Origin", fault.Credential, "browser_origin", refuses("browser_origin")},
		{"a proxy strips the header Authorization", fault.Credential, "missing_token", plain(func(t *testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Authorization")
				(&manager{t: t}).ServeHTTP(w, r)
			})
		})},

		{"heartbeats get no answer", fault.Heartbeat, fault.BeatNoAnswer, plain(func(t *testing.T) http.Handler { return &manager{t: t, silent: true} })},
		{"the connection breaks off after the welcome", fault.Heartbeat, fault.ConnectionCut, plain(func(t *testing.T) http.Handler { return &manager{t: t, cuts: true} })},
		{"half a frame arrives, then nothing", fault.Heartbeat, fault.BeatNoAnswer, plain(func(t *testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				halfAFrame(w, r, frame(`{"subject":"agent.welcome","data":{"connection":"c","heartbeatIntervalMs":30000,"leaseMs":40000,"maxFrameBytes":65536}}`))
			})
		})},
		{"the running agent is not connected", fault.Heartbeat, "replaced", func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t}))
			p.running = true
			p.ask = func() (Agent, error) {
				return Agent{Code: "replaced", Text: "the manager closed the connection (4409 replaced)"}, nil
			}
			return p
		}},
		{"every connection is cut at the same age", fault.Heartbeat, fault.CutAtSameAge, func(t *testing.T) patient {
			p := enrolledWith(serve(t, &manager{t: t}))
			p.running = true
			p.ask = func() (Agent, error) {
				return Agent{Code: fault.CutAtSameAge, Text: "the connection broke off after 1m0s, as did the two before it"}, nil
			}
			return p
		}},
	}
}

// The page and the tests have one list.
func TestThePageHasTheSameList(t *testing.T) {
	page, err := os.ReadFile("../../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### What doctor says\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows, want []string
	for line := range strings.Lines(section) {
		if strings.Contains(line, "` |") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	for _, c := range sickHosts(t) {
		want = append(want, "| "+c.fault+" | "+string(c.step)+" | `"+string(c.code)+"` |")
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the table of docs/OPERATIONS.md \"What doctor says\" should be\n%s", strings.Join(want, "\n"))
	}
}

func TestSickHosts(t *testing.T) {
	for _, c := range sickHosts(t) {
		if c.host == nil {
			continue
		}
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			r := diagnose(t, c.host(t).config(t))
			if r.Healthy {
				t.Error("it is healthy")
			}
			at := slices.Index(fault.Steps, c.step)
			for i, check := range r.Checks {
				switch {
				case i == at:
					if check.Result != Failed || check.Code != c.code || check.Text == "" || check.Remedy == "" && check.Code != fault.ConnectionCut && check.Code != "replaced" {
						t.Errorf("%+v, want %s", check, c.code)
					}
				case check.Result == Failed, check.Code != "", check.Remedy != "":
					t.Errorf("a false verdict: %+v", check)
				case i > at && c.step != fault.State && c.step != fault.Clock && check.Result != Skipped:
					t.Errorf("not reached, but %+v", check)
				case i < at && check.Step != fault.Clock && check.Step != fault.TLS && check.Result != OK:
					if !(c.code == fault.ProxyUnusable && check.Step == fault.Names) {
						t.Errorf("reached, but %+v", check)
					}
				}
			}
		})
	}
}

// With a clock that is a year off, every certificate is outside of its dates. The clock is to blame, and both are told.
func TestAWrongClockIsToldFromAnExpiredCertificate(t *testing.T) {
	ca := newAuthority(t, "Home Lab CA")
	good := ca.issue(t, -24*time.Hour, 24*time.Hour, nil)
	for name, off := range map[string]struct {
		clock time.Duration
		code  fault.Code
	}{"ahead": {year, fault.CertExpired}, "behind": {-year, fault.CertNotYetValid}} {
		t.Run(name, func(t *testing.T) {
			p := enrolledWith(secure(t, good))
			p.authorities, p.clock = ca.pool, off.clock
			r := diagnose(t, p.config(t))
			if clock := r.of(fault.Clock); clock.Code != fault.ClockWrong || !strings.Contains(clock.Text, "8760h0m") {
				t.Errorf("%+v", clock)
			}
			if c := r.of(fault.TLS); c.Code != off.code {
				t.Errorf("%+v", c)
			}
		})
	}
	expired := enrolledWith(secure(t, ca.issue(t, -48*time.Hour, -24*time.Hour, nil)))
	expired.authorities = ca.pool
	if clock := diagnose(t, expired.config(t)).of(fault.Clock); clock.Result != OK {
		t.Errorf("the certificate has expired, and the clock is %+v", clock)
	}
}

func TestItEndsInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 20 s")
	}
	t.Parallel()
	p := enrolledWith("http://" + talk(t, hold))
	p.candidate = true
	began := time.Now()
	r := diagnose(t, p.config(t)) // with an agent's own time limits
	if took := time.Since(began); took > 30*time.Second || r.of(fault.Upgrade).Code != fault.UpgradeNoAnswer {
		t.Errorf("after %s: %+v", took, r)
	}
}

func TestAManagerThatCannotBeUsedIsAnError(t *testing.T) {
	c := patient{}.config(t)
	c.Manager = "ftp://example.com"
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "http://") {
		t.Errorf("got %v", err)
	}
}

func TestAStateDirectoryThatCannotBeReadHidesTheManager(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(filepath.Join(dir, "manager"), 0o700), os.WriteFile(filepath.Join(dir, "token"), []byte(ownToken), 0o600)); err != nil {
		t.Fatal(err)
	}
	r := diagnose(t, patient{dir: dir, manager: "http://127.0.0.1:1"}.config(t))
	if r.Manager != "" || r.of(fault.TCP).Result != Skipped || r.of(fault.State).Result != Failed {
		t.Errorf("got %+v", r)
	}
	c := patient{dir: dir}.config(t)
	c.Manager = serve(t, &manager{t: t})
	r = diagnose(t, c)
	if r.of(fault.Upgrade).Result != OK || r.of(fault.Credential).Result != Skipped || strings.Contains(r.of(fault.Credential).Text, "not enrolled") {
		t.Errorf("with --manager: %+v", r)
	}
}

func TestTheTextIsCalm(t *testing.T) {
	r := Report{Manager: "https://manager.example.com", Checks: []Check{
		{Step: fault.State, Result: OK, Text: "/var/lib/zedops-agent: enrolled, an agent runs"},
		{Step: fault.TCP, Result: Failed, Code: fault.Refused, Text: "the manager \x1b[2Jrefuses", Remedy: "check the port"},
		{Step: fault.TLS, Result: Skipped, Text: notReached},
	}}
	var text, document strings.Builder
	if err := errors.Join(r.WriteText(&text), r.WriteJSON(&document)); err != nil {
		t.Fatal(err)
	}
	want := `Manager: https://manager.example.com
ok       state       /var/lib/zedops-agent: enrolled, an agent runs
failed   tcp         the manager ?[2Jrefuses [connection_refused]
                     → check the port
skipped  tls         not reached
`
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
	var read Report
	if err := json.Unmarshal([]byte(document.String()), &read); err != nil || read.Checks[1].Code != fault.Refused {
		t.Errorf("got %+v, %v", read, err)
	}
}
