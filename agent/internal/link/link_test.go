package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
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

// run starts an enrolled Link. change, if any, adapts it to the test.
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
	l.delays.floor = time.Millisecond
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

// saver is a store whose Save the test replaces.
type saver struct {
	Store
	save func(identity.Credential) error
}

func (s saver) Save(c identity.Credential) error { return s.save(c) }

func TestTheTokenIsSavedBeforeAnythingElseAndUsedEverAfter(t *testing.T) {
	m := managertest.Start(t, nil)
	saving, save := make(chan struct{}), make(chan struct{})
	r := run(t, m.URL, func(l *Link) {
		l.credential.reenrol(managertest.EnrolmentToken)
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
		l.credential.reenrol(managertest.EnrolmentToken)
		l.credential.store = saver{Store: l.config.Store, save: func(identity.Credential) error { return full }}
	})
	m.Next(t).Register(t, managertest.Defaults())
	if err := r.ended(t); !errors.Is(err, full) {
		t.Errorf("it ended with %v", err)
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

func TestAConnectionWithoutItsEchoIsAFailure(t *testing.T) {
	for name, c := range map[string]struct{ answer, says string }{
		"an error":   {`"error":{"code":"internal","message":"x"}`, "internal: x"},
		"other data": {`"data":"c7h2k9 1"`, "the echo came back changed"},
		"no data":    {`"timestamp":1`, "the echo came back changed"},
		"null":       {`"data":null`, "the echo came back changed"},
		"a bad one":  {`"data":1,"timestamp":"x"`, "invalid_message"},
		"no answer":  {"", "timeout: no reply in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := managertest.Start(t, nil)
			r := run(t, m.URL, func(l *Link) {
				l.config.MaxRetries = 1
				if c.answer == "" {
					l.stepTimeout = 100 * time.Millisecond
				}
			})
			p := m.Next(t)
			p.Register(t, managertest.Defaults())
			echo := p.Receive(t)
			for echo.Subject != protocol.SubjectEcho {
				echo = p.Receive(t)
			}
			if c.answer != "" {
				p.Send(t, `{"subject":"`+echo.Reply+`",`+c.answer+`}`)
			}
			p.Serve()
			if code, _ := p.AwaitClose(t); code != protocol.CloseNoSignOfLife {
				t.Errorf("it closed with %d", code)
			}
			var gaveUp *GaveUpError
			if err := r.ended(t); !errors.As(err, &gaveUp) || !strings.Contains(err.Error(), "check that messages flow: "+c.says) {
				t.Errorf("it ended with %v", err)
			}
			if strings.Contains(r.log.String(), "msg=connected") {
				t.Error("it called itself connected")
			}
		})
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
