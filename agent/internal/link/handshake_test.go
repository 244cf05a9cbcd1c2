package link

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

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
		"a bad frame": {func(t testing.TB, p *managertest.Peer) {
			p.Send(t, `{"subject":"agent.welcome","data":{},"timestamp":"now"}`)
		}, "read the welcome: invalid_message: timestamp"},
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
		"negative spread":    {change(func(w *managertest.Welcome) { w.ReconnectSpreadMs = -1 }), "reconnectSpreadMs"},
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
	for code, isRefusal := range map[protocol.Code]bool{
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
			if got := errors.As(err, &refused); got != isRefusal || !strings.Contains(err.Error(), string(code)+": because") {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestASlowRegistrationIsRetriedWithTheSameToken(t *testing.T) {
	for name, c := range map[string]struct {
		change           func(*Link)
		token, candidate string // on disk while the registration is slow
		shown            string
		after            string // on disk at the end
	}{
		"of an agent": {func(*Link) {}, managertest.PermanentToken, "", managertest.PermanentToken, managertest.PermanentToken},
		"of a new host": {func(l *Link) { l.credential.reenrol(managertest.EnrolmentToken) },
			"", "", managertest.EnrolmentToken, managertest.PermanentToken},
		"of an agent with a candidate": {func(l *Link) { l.credential.candidate = firstCandidate },
			managertest.PermanentToken, firstCandidate, firstCandidate, firstCandidate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := inMemory(t, nil, func(l *Link) {
					c.change(l)
					store := l.config.Store.(*identity.Store)
					var err error
					if c.token == "" {
						_, err = store.SetAside()
					}
					if c.candidate != "" {
						err = store.SaveCandidate(c.candidate)
					}
					if err != nil {
						t.Fatal(err)
					}
				})
				for range 3 {
					p := m.NextWithin(t, time.Minute)
					wantBearer(t, p, c.shown)
					p.Welcome(t, managertest.Defaults())
					p.Receive(t)
					time.Sleep(8 * time.Second) // the registry takes 9 s
					p.Close(protocol.CloseLeaseExpired, "lease_expired")
					r.wantFiles(t, c.token, c.candidate)
				}
				p := m.NextWithin(t, time.Minute)
				p.Register(t, managertest.Defaults())
				p.Serve()
				r.log.says(t, "msg=connected")
				r.log.says(t, "4408 lease_expired")
				r.wantFiles(t, c.after, "")
			})
		})
	}
}

func TestTooManyConnectionsAtOnceAreRetriedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusals := 0
		var last time.Time
		m, r := inMemory(t, func(w http.ResponseWriter, _ *http.Request) bool {
			if waited := time.Since(last); refusals > 0 && (waited < 2*time.Second || waited > 20*time.Second) {
				t.Errorf("attempt %d comes after %v", refusals+1, waited)
			}
			last = time.Now()
			if refusals == 3 {
				return false
			}
			refusals++
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"error":{"code":"too_many_requests","message":"too many connections"}}`))
			return true
		}, nil)
		p := m.NextWithin(t, time.Minute)
		wantBearer(t, p, managertest.PermanentToken)
		p.Register(t, managertest.Defaults())
		p.Serve()
		r.log.says(t, "failedAttempts=3")
		r.wantFiles(t, managertest.PermanentToken, "")
	})
}
