package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// firstCandidate and secondCandidate are the tokens that the manager offers.
const (
	firstCandidate  = "first.candidate.value"
	secondCandidate = "second.candidate.value"
)

// wantFiles checks the lines that the store's files hold; "" stands for no file.
func (r *running) wantFiles(t *testing.T, token, candidate string) {
	t.Helper()
	for name, want := range map[string]string{"token": token, "token.candidate": candidate} {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(text)); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

// offer sends a request and returns the answer.
func offer(t *testing.T, p *managertest.Peer, data string) protocol.Message {
	t.Helper()
	p.Send(t, fmt.Sprintf(`{"subject":"agent.rotate","reply":"%s","data":%s}`, inbox(1), data))
	return p.Await(t, inbox(1))
}

func quoted(token string) string { return `{"token":"` + token + `"}` }

// wantOffered checks that the candidate is stored, the answer sent, and the connection closed, in this order.
func wantOffered(t *testing.T, p *managertest.Peer, candidate string) {
	t.Helper()
	if m := offer(t, p, quoted(candidate)); m.Error != nil || string(m.Data) != "{}" {
		t.Errorf("the answer is %s, %v", m.Data, m.Error)
	}
	if code, reason := p.AwaitClose(t); code != protocol.CloseReturning || reason != "rotating" {
		t.Errorf("it closed with %d %s", code, reason)
	}
}

func wantBearer(t *testing.T, p *managertest.Peer, token string) {
	t.Helper()
	if got := p.Header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("it came with %q, want %q", got, token)
	}
}

func TestRotatesTwiceInARow(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
	slow := managertest.Defaults()
	slow.ReconnectSpreadMs = 24 * 60 * 60 * 1000 // after a rotation the agent must not wait for this
	p := connected(t, m, r, slow)
	before := managertest.PermanentToken
	for _, candidate := range []string{firstCandidate, secondCandidate} {
		wantOffered(t, p, candidate)
		p = m.Next(t)
		wantBearer(t, p, candidate)
		r.wantFiles(t, before, candidate)
		if info, err := os.Stat(filepath.Join(r.dir, "token.candidate")); err != nil || info.Mode() != 0o600 {
			t.Errorf("the candidate has mode %v, %v", info.Mode(), err)
		}
		ready := r.stats.connections.Load()
		p.Register(t, slow)
		p.Serve()
		eventually(t, func() bool { return r.stats.connections.Load() > ready }, "ready")
		r.wantFiles(t, candidate, "")
		before = candidate
	}
	p.Close(4000, "x")
	r.log.says(t, "connection lost, retrying")
	log := r.log.String()
	for text, times := range map[string]int{
		`level=INFO msg="the manager offered a new token, reconnecting with it"`: 2, "msg=reconnected": 2,
		`level=INFO msg="token rotated"`: 2, "level=WARN": 1, "offlineFor": 0, firstCandidate: 0, secondCandidate: 0,
	} {
		if n := strings.Count(log, text); n != times {
			t.Errorf("the log holds %d times %s", n, text)
		}
	}
}

func TestTheCandidateIsStoredBeforeTheAnswer(t *testing.T) {
	m := managertest.Start(t, nil)
	storing, store := make(chan struct{}), make(chan struct{})
	r := run(t, m.URL, func(l *Link) {
		l.credential.store = storer{Store: l.config.Store, save: func(token string) error {
			close(storing)
			<-store
			return l.config.Store.SaveCandidate(token)
		}}
	})
	p := connected(t, m, r, managertest.Defaults())
	p.Send(t, fmt.Sprintf(`{"subject":"agent.rotate","reply":"%s","data":%s}`, inbox(1), quoted(firstCandidate)))
	<-storing
	p.Send(t, fmt.Sprintf(`{"subject":"test.echo","reply":"%s"}`, inbox(2)))
	for {
		m := <-p.Seen
		if m.Subject == inbox(1) {
			t.Error("it answered before the candidate was stored")
		}
		if m.Subject == inbox(2) {
			break
		}
	}
	close(store)
	p.Await(t, inbox(1))
	r.wantFiles(t, managertest.PermanentToken, firstCandidate)
}

// storer is a store whose SaveCandidate the test replaces.
type storer struct {
	Store
	save func(token string) error
}

func (s storer) SaveCandidate(token string) error { return s.save(token) }

func TestAnOfferThatIsLostWithItsConnectionIsShownOnTheNext(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	storing, store := make(chan struct{}), make(chan struct{})
	r := run(t, m.URL, func(l *Link) {
		l.credential.store = storer{Store: l.config.Store, save: func(token string) error {
			close(storing)
			<-store
			return l.config.Store.SaveCandidate(token)
		}}
	})
	p := connected(t, m, r, managertest.Defaults())
	p.Send(t, fmt.Sprintf(`{"subject":"agent.rotate","reply":"%s","data":%s}`, inbox(1), quoted(firstCandidate)))
	<-storing
	p.Drop()
	r.log.says(t, "connection lost, retrying")
	close(store)
	p = m.Next(t)
	wantBearer(t, p, firstCandidate)
	p.Register(t, managertest.Defaults())
	r.log.says(t, "token rotated")
	r.wantFiles(t, firstCandidate, "")
}

func TestAnOfferThatOutlivesItsConnectionIsNotTaken(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	connected(t, m, r, managertest.Defaults())
	ended, end := context.WithCancel(t.Context())
	end()
	_, err := r.rotate(ended, json.RawMessage(quoted(firstCandidate)))
	wantCode(t, err, protocol.NotSaved)
	r.wantFiles(t, managertest.PermanentToken, "")
}

func TestAnOfferThatCannotBeTakenChangesNothing(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, managertest.Defaults())
	for _, data := range []string{`{}`, `null`, `7`, `"a.b.c"`, `{"token":7}`, `{"token":""}`, `{"token":"hello"}`, `{"token":"a.b.c\n"}`, quoted("a.b." + strings.Repeat("c", 5000))} {
		wantCode(t, offer(t, p, data).Error, protocol.InvalidData)
	}
	r.wantFiles(t, managertest.PermanentToken, "")

	obstacle := filepath.Join(r.dir, "token.candidate")
	if err := os.MkdirAll(filepath.Join(obstacle, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantCode(t, offer(t, p, quoted(firstCandidate)).Error, protocol.NotSaved)
	r.log.says(t, "could not be saved")
	p.Send(t, fmt.Sprintf(`{"subject":"test.echo","reply":"%s"}`, inbox(2)))
	p.Await(t, inbox(2))

	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	wantOffered(t, p, secondCandidate)
	wantBearer(t, m.Next(t), secondCandidate)
}

func TestACandidateThatCannotBePromotedIsKept(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, managertest.Defaults())
	wantOffered(t, p, firstCandidate)
	token := filepath.Join(r.dir, "token")
	if err := errors.Join(os.Remove(token), os.MkdirAll(filepath.Join(token, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	p = connected(t, m, r, managertest.Defaults())
	r.log.says(t, "cannot bring the tokens in the state directory up to date yet")
	wantCode(t, offer(t, p, quoted(secondCandidate)).Error, protocol.NotSaved)
	if err := os.RemoveAll(token); err != nil {
		t.Fatal(err)
	}
	wantOffered(t, p, secondCandidate)
	r.wantFiles(t, firstCandidate, secondCandidate)
	wantBearer(t, m.Next(t), secondCandidate)
}

func TestACandidateSurvivesErrorsOtherThanARefusal(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r := run(t, m.URL, func(l *Link) {
		l.stepTimeout = 200 * time.Millisecond
		retryQuickly(l)
	})
	p := connected(t, m, r, managertest.Defaults())
	wantOffered(t, p, firstCandidate)
	m.Next(t).Drop()
	p = m.Next(t)
	p.Welcome(t, managertest.Defaults())
	p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","error":{"code":"registry_unavailable","message":"x"}}`)
	p.Serve()
	p = m.Next(t)
	wantBearer(t, p, firstCandidate)
	r.wantFiles(t, managertest.PermanentToken, firstCandidate)
}
