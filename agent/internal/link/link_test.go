package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// running is a Link in the middle of Run.
type running struct {
	*Link
	log   *logged
	store *identity.Store
	dir   string // of the store
	stop  context.CancelFunc
	done  chan error
}

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// take returns the text and empties the log.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

// says waits for a log line.
func (l *logged) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(l.String(), text) }, "log: "+text)
}

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(managertest.Timeout); !condition(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// run starts an enrolled Link, changed to the test's liking.
func run(t *testing.T, url string, change func(*Link)) *running {
	t.Helper()
	manager, err := identity.ParseManager(url)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{log: &logged{}, dir: t.TempDir(), done: make(chan error, 1)}
	if r.store, err = identity.Open(r.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.store.Close() })
	if err := r.store.Save(identity.Credential{Manager: manager, Token: managertest.PermanentToken}); err != nil {
		t.Fatal(err)
	}
	r.Link = New(Config{
		Manager:   manager,
		InstallID: "install-0001",
		Token:     managertest.PermanentToken,
		Enrolled:  true,
		Store:     r.store,
		Hostname:  "edge-7",
		Version:   "1.2.3",
		Log:       slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if change != nil {
		change(r.Link)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := r.ended(t); t.Failed() {
			t.Logf("the link ended with %v and said:\n%s", err, r.log)
		}
	})
	return r
}

// retryQuickly cuts the waits after failures to a millisecond.
func retryQuickly(l *Link) {
	l.delays.growing.InitialInterval, l.delays.growing.MaxInterval = time.Millisecond, time.Millisecond
	l.delays.reset()
}

// ended waits for Run to return; it may be called again.
func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(managertest.Timeout):
		t.Error("Run does not return")
		return nil
	}
}

// connected returns a peer whose agent is ready.
func connected(t *testing.T, m *managertest.Manager, r *running, w managertest.Welcome) *managertest.Peer {
	t.Helper()
	before := r.stats.connections.Load()
	p := m.Next(t)
	p.Register(t, w)
	p.Serve()
	eventually(t, func() bool { return r.stats.connections.Load() > before }, "ready")
	return p
}

// saver is a store that saves in its own way.
type saver struct {
	Store
	save func(identity.Credential) error
}

func (s saver) Save(c identity.Credential) error { return s.save(c) }

func TestTheTokenIsSavedBeforeAnythingElseAndUsedEverAfter(t *testing.T) {
	m := managertest.Start(t, nil)
	saving, save := make(chan struct{}), make(chan struct{})
	r := run(t, m.URL, func(l *Link) {
		l.credential.set(managertest.EnrolmentToken, false)
		l.credential.store = saver{Store: l.config.Store, save: func(c identity.Credential) error {
			if c.Token != managertest.PermanentToken || c.Manager != l.config.Manager {
				t.Errorf("it saves %v", c)
			}
			close(saving)
			<-save
			return nil
		}}
	})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":1}`)
	p.Serve()
	<-saving
	if len(p.Seen) > 0 {
		t.Errorf("before the token was saved it sent %v", <-p.Seen)
	}
	close(save)
	if m := p.Await(t, "inbox.c7h2k9.m1"); string(m.Data) != "1" {
		t.Errorf("the answer is %s", m.Data)
	}
	r.log.says(t, "msg=enrolled agentId=k3v name=edge-7")
	p.Drop()
	if got := m.Next(t).Header.Get("Authorization"); got != "Bearer "+managertest.PermanentToken {
		t.Errorf("it came back with %q", got)
	}
}

func TestASaveThatFailsEndsTheLink(t *testing.T) {
	m := managertest.Start(t, nil)
	full := errors.New("no space left on device")
	r := run(t, m.URL, func(l *Link) {
		l.credential.set(managertest.EnrolmentToken, false)
		l.credential.store = saver{Store: l.config.Store, save: func(identity.Credential) error { return full }}
	})
	m.Next(t).Register(t, managertest.Defaults())
	if err := r.ended(t); !errors.Is(err, full) {
		t.Errorf("it ended with %v", err)
	}
}

func TestUpgradeCarriesIdentityInHeadersOnly(t *testing.T) {
	m := managertest.Start(t, nil)
	run(t, m.URL+"/", nil)
	p := m.Next(t)
	if p.Path != "/ws" {
		t.Errorf("it dials %s", p.Path)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer " + managertest.PermanentToken, "Zedops-Install-Id": "install-0001",
		"Origin": "", "Sec-Websocket-Extensions": "", "Sec-Websocket-Protocol": "",
	} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestReconnectsByItselfAndSaysForHowLongItWasAway(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	connected(t, m, r, managertest.Defaults()).Drop()
	p := connected(t, m, r, managertest.Defaults())
	r.log.says(t, "msg=reconnected")
	for _, part := range []string{"connection lost, retrying", "offlineFor=", `lastError="the connection broke off"`} {
		if !strings.Contains(r.log.String(), part) {
			t.Errorf("the log lacks %s", part)
		}
	}
	p.Send(t, `{"subject":"agent.info","reply":"inbox.c7h2k9.m1"}`)
	var got info
	if err := json.Unmarshal(p.Await(t, "inbox.c7h2k9.m1").Data, &got); err != nil {
		t.Fatal(err)
	}
	if got.MemoryBytes < 1<<20 || got.MemoryBytes > 1<<30 || got.Goroutines < 5 || got.Goroutines > 1000 {
		t.Errorf("agent.info says %+v", got)
	}
	if got.Reconnects != 1 || got.Version != "1.2.3" || got.Hostname != "edge-7" || got.OS == "" || got.Arch == "" {
		t.Errorf("agent.info says %+v", got)
	}
}

func TestAConnectionWithoutAnEchoIsAFailure(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	for {
		echo := p.Receive(t)
		if echo.Subject == protocol.SubjectEcho {
			p.Send(t, `{"subject":"`+echo.Reply+`","error":{"code":"internal","message":"x"}}`)
			p.Serve()
			break
		}
	}
	var gaveUp *GaveUpError
	if err := r.ended(t); !errors.As(err, &gaveUp) || !strings.Contains(err.Error(), "check that messages flow: internal") {
		t.Errorf("it ended with %v", err)
	}
}

func TestSurvivesEveryKindOfBadWelcome(t *testing.T) {
	change := func(f func(*managertest.Welcome)) func(testing.TB, *managertest.Peer) {
		return func(t testing.TB, p *managertest.Peer) {
			w := managertest.Defaults()
			f(&w)
			p.Welcome(t, w)
		}
	}
	for name, c := range map[string]struct {
		begin func(testing.TB, *managertest.Peer)
		says  string
	}{
		"none":               {func(testing.TB, *managertest.Peer) {}, "wait for the welcome: no answer in time"},
		"a socket that ends": {func(_ testing.TB, p *managertest.Peer) { p.Drop() }, "wait for the welcome: the connection broke off"},
		"another subject":    {func(t testing.TB, p *managertest.Peer) { p.Send(t, `{"subject":"hello"}`) }, "the other end is not a manager"},
		"no data":            {func(t testing.TB, p *managertest.Peer) { p.Send(t, `{"subject":"agent.welcome"}`) }, "read the welcome"},
		"a wrong type": {func(t testing.TB, p *managertest.Peer) {
			p.Send(t, `{"subject":"agent.welcome","data":{"leaseMs":"x"}}`)
		}, "read the welcome"},
		"connection of dots": {change(func(w *managertest.Welcome) { w.Connection = "a.b" }), "connection is not a token"},
		"no interval":        {change(func(w *managertest.Welcome) { w.HeartbeatIntervalMs = 0 }), "heartbeatIntervalMs"},
		"lease too short":    {change(func(w *managertest.Welcome) { w.LeaseMs = w.HeartbeatIntervalMs }), "leaseMs"},
		"no messages":        {change(func(w *managertest.Welcome) { w.MessagesPerSecond = 0 }), "messagesPerSecond"},
		"no window":          {change(func(w *managertest.Welcome) { w.CreditFrames = 0 }), "creditFrames"},
		"endless window":     {change(func(w *managertest.Welcome) { w.CreditBytes = 1 << 50 }), "creditBytes"},
		"tiny frames":        {change(func(w *managertest.Welcome) { w.MaxFrameBytes = 10 }), "maxFrameBytes"},
		"endless spread":     {change(func(w *managertest.Welcome) { w.ReconnectSpreadMs = 1 << 50 }), "reconnectSpreadMs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := managertest.Start(t, nil)
			r := run(t, m.URL, func(l *Link) { l.config.MaxRetries, l.stepTimeout = 1, 50*time.Millisecond })
			c.begin(t, m.Next(t))
			if err := r.ended(t); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestARegistrationThatIsNotAnsweredIsRetried(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, func(l *Link) { l.config.MaxRetries, l.stepTimeout = 1, 50*time.Millisecond })
	m.Next(t).Welcome(t, managertest.Defaults())
	if err := r.ended(t); err == nil || !strings.Contains(err.Error(), "wait for the registration: no answer in time") {
		t.Errorf("it ended with %v", err)
	}
}

func TestARegistrationThatFails(t *testing.T) {
	for code, final := range map[protocol.Code]bool{
		protocol.UnsupportedProtocol: true, protocol.InvalidToken: true, protocol.EnrolmentUsed: true,
		protocol.Internal: false, protocol.RegistryUnavailable: false, protocol.InvalidData: false, "of_tomorrow": false,
	} {
		t.Run(string(code), func(t *testing.T) {
			m := managertest.Start(t, nil)
			r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
			p := m.Next(t)
			p.Welcome(t, managertest.Defaults())
			p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","error":{"code":"`+string(code)+`","message":"because"}}`)
			err := r.ended(t)
			var refused *RefusedError
			if got := errors.As(err, &refused); got != final || !strings.Contains(err.Error(), string(code)+": because") {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestUpgradeRefusals(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it followed the redirect")
	}))
	defer elsewhere.Close()
	ours := func(code string) string { return `{"error":{"code":"` + code + `","message":"because"}}` }
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		final  bool
		says   string
	}{
		"invalid_token":         {401, nil, ours("invalid_token"), true, "JWT_SECRET"},
		"token_expired":         {401, nil, ours("token_expired"), true, "new enrolment token"},
		"missing_token":         {401, nil, ours("missing_token"), true, "Authorization header"},
		"enrolment_used":        {403, nil, ours("enrolment_used"), true, "new enrolment token"},
		"enrolment_revoked":     {403, nil, ours("enrolment_revoked"), true, "new enrolment token"},
		"agent_revoked":         {403, nil, ours("agent_revoked"), true, "start it with a new enrolment token"},
		"agent_removed":         {403, nil, ours("agent_removed"), true, "start it with a new enrolment token"},
		"browser_origin":        {403, nil, ours("browser_origin"), true, "Origin"},
		"our code, other place": {400, nil, ours("invalid_token"), false, "400 Bad Request (invalid_token: because)"},
		"another's code":        {403, nil, ours("quota"), false, "403 Forbidden (quota: because)"},
		"captive portal":        {403, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<html>log in</html>", false, "something that is not the manager answered 403 Forbidden with text/html"},
		"bare 401":              {401, nil, "", false, "something that is not the manager answered 401"},
		"portal with 200":       {200, map[string]string{"Content-Type": "text/html"}, "<html>", false, "does not pass WebSockets (it answered 200 OK)"},
		"no upgrade":            {426, nil, ours("upgrade_required"), false, "does not pass WebSockets (it answered 426"},
		"proxy log-in":          {407, nil, "", false, "a proxy wants a log-in"},
		"nothing there":         {404, nil, "nope", false, "there is no manager at this URL"},
		"gateway":               {502, nil, "", false, "answered 502 Bad Gateway"},
		"not configured":        {503, nil, ours("not_configured"), false, "503 Service Unavailable (not_configured: because)"},
		"redirect":              {302, map[string]string{"Location": elsewhere.URL + "/login?session=1"}, "", false, "to " + elsewhere.URL + ", where the token does not belong"},
		"permanent redirect":    {308, map[string]string{"Location": "/elsewhere"}, "", false, "to another path"},
		"redirect to ws":        {307, map[string]string{"Location": strings.Replace(elsewhere.URL, "http", "ws", 1)}, "", false, "redirected"},
	} {
		t.Run(name, func(t *testing.T) {
			m := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
				return true
			})
			r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
			err := r.ended(t)
			var refused *RefusedError
			if got := errors.As(err, &refused); got != c.final || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestClosesThatStopAnAgent(t *testing.T) {
	for code, says := range map[int]string{protocol.CloseUnauthorized: "invalid_token", protocol.CloseRevoked: "agent_revoked"} {
		m := managertest.Start(t, nil)
		r := run(t, m.URL, nil)
		connected(t, m, r, managertest.Defaults()).Close(4000, "x") // any other code is retried
		connected(t, m, r, managertest.Defaults()).Close(closeStatus(code), "x")
		var refused *RefusedError
		if err := r.ended(t); !errors.As(err, &refused) || string(refused.Code) != says {
			t.Errorf("after %d it ended with %v", code, err)
		}
	}
}

func TestReenrolsOnce(t *testing.T) {
	m := managertest.Start(t, nil)
	asked := 0
	r := run(t, m.URL, func(l *Link) {
		l.config.Reenrol = func(context.Context, *RefusedError) (string, error) {
			asked++
			return managertest.EnrolmentToken, nil
		}
	})
	connected(t, m, r, managertest.Defaults()).Close(protocol.CloseRevoked, "revoked")
	p := connected(t, m, r, managertest.Defaults())
	if got := p.Header.Get("Authorization"); got != "Bearer "+managertest.EnrolmentToken {
		t.Errorf("it came with %q", got)
	}
	p.Close(protocol.CloseRevoked, "revoked")
	var refused *RefusedError
	if err := r.ended(t); !errors.As(err, &refused) || asked != 1 {
		t.Errorf("asked %d times it ended with %v", asked, err)
	}
}

func TestACloneIsToldWhatIsWrong(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	connected(t, m, r, managertest.Defaults()).Close(protocol.CloseReplaced, "replaced")
	r.log.says(t, "4409 replaced): another agent uses this identity")
}
