package link

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// inbox is the inbox of the manager's n-th request.
func inbox(n int) string { return fmt.Sprintf("inbox.c7h2k9.m%d", n) }

func TestAnswersRequests(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, managertest.Defaults())
	for i, c := range []struct {
		frame, data string
		code        protocol.Code
	}{
		{`"subject":"test.echo","data":{"html":"<&>","n":12345678901234567890}`, `{"html":"<&>","n":12345678901234567890}`, ""},
		{`"subject":"test.echo","data":null`, `null`, ""},
		{`"subject":"test.echo"`, ``, ""},
		{`"subject":"nobody.home"`, ``, protocol.NoResponders},
		{`"subject":"agent.register"`, ``, protocol.NoResponders},
		{`"subject":"foo.>"`, ``, protocol.InvalidSubject},
		{`"subject":7`, ``, protocol.InvalidMessage},
		{`"subject":"test.echo","timestamp":"now"`, ``, protocol.InvalidMessage},
	} {
		p.Send(t, fmt.Sprintf(`{%s,"reply":"%s"}`, c.frame, inbox(i)))
		got := p.Await(t, inbox(i))
		if string(got.Data) != c.data || got.Timestamp == nil {
			t.Errorf("%s: got %+v", c.frame, got)
		}
		if (got.Error == nil) != (c.code == "") || got.Error != nil && got.Error.Code != c.code {
			t.Errorf("%s: got the error %v", c.frame, got.Error)
		}
	}
}

func TestAnOversizedReplyIsReplaced(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	w := managertest.Defaults()
	w.MaxFrameBytes = 4096
	p := connected(t, m, r, w)
	// The request still fits. Its answer has a timestamp and is a few bytes longer.
	request := func(size int) string {
		frame := fmt.Sprintf(`{"subject":"test.echo","reply":"%s","data":""}`, inbox(1))
		return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
	}
	p.Send(t, request(4096))
	if got := p.Await(t, inbox(1)); got.Error == nil || got.Error.Code != protocol.PayloadTooLarge {
		t.Errorf("got %v", got.Error)
	}
	p.Send(t, request(4000))
	if got := p.Await(t, inbox(1)); got.Error != nil {
		t.Errorf("got %v", got.Error)
	}
}

// payloads is docs/vectors/payloads.json.
type payloads struct {
	Unaltered []struct{ Name, Data string }
	Nested    []struct {
		Open, Close string
		Depth       int
		Error       protocol.Code
	}
}

func readPayloads(t *testing.T) (v payloads) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "vectors", "payloads.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Unaltered) < 10 || len(v.Nested) < 5 {
		t.Fatal("payloads.json holds too few cases")
	}
	return v
}

func TestAnEchoIsUnaltered(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, managertest.Defaults())
	vectors := readPayloads(t)
	n := 0
	echo := func(data string) protocol.Message {
		n++
		p.Send(t, fmt.Sprintf(`{"subject":"test.echo","reply":"%s","data":%s}`, inbox(n), data))
		return p.Await(t, inbox(n))
	}
	for _, c := range vectors.Unaltered {
		if got := echo(c.Data); string(got.Data) != c.Data {
			t.Errorf("%s: %s came back as %s, %v", c.Name, c.Data, got.Data, got.Error)
		}
	}
	for _, c := range vectors.Nested {
		data := strings.Repeat(c.Open, c.Depth) + "0" + strings.Repeat(c.Close, c.Depth)
		switch got := echo(data); {
		case c.Error == "" && string(got.Data) != data:
			t.Errorf("%s %d times: got %+v", c.Open, c.Depth, got)
		case c.Error != "" && (got.Error == nil || got.Error.Code != c.Error):
			t.Errorf("%s %d times: got %v", c.Open, c.Depth, got.Error)
		}
	}
	// The other handlers do not choke on odd payloads.
	for _, c := range vectors.Unaltered {
		n++
		p.Send(t, fmt.Sprintf(`{"subject":"agent.info","reply":"%s","data":%s}`, inbox(n), c.Data))
		if got := p.Await(t, inbox(n)); got.Error != nil || !strings.Contains(string(got.Data), `"version":"1.2.3"`) {
			t.Errorf("%s: agent.info says %s, %v", c.Name, got.Data, got.Error)
		}
		for subject, code := range map[string]protocol.Code{"agent.rotate": protocol.InvalidData, "agent.reconnect": protocol.InvalidData} {
			n++
			p.Send(t, fmt.Sprintf(`{"subject":"%s","reply":"%s","data":%s}`, subject, inbox(n), c.Data))
			if got := p.Await(t, inbox(n)); got.Error == nil || got.Error.Code != code {
				t.Errorf("%s: %s says %s, %v", c.Name, subject, got.Data, got.Error)
			}
		}
		p.Send(t, `{"subject":"agent.heartbeat.ack","data":`+c.Data+`}`)
	}
	if got := echo("1"); string(got.Data) != "1" {
		t.Errorf("got %+v", got)
	}
}

func TestBadFramesAreDroppedOrAnswered(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := connected(t, m, r, managertest.Defaults())
	bad := []string{
		"", "hello", "[]", "null", `{"subject":"a b"}`, `{"subject":"a","reply":"inbox.*"}`,
		`{"subject":"test.echo","reply":"inbox.another.1"}`,                                             // an inbox of another connection
		`{"subject":"inbox.c7h2k9.unknown","data":1}`,                                                   // an answer to nothing
		`{"subject":"inbox.another.1","data":1}`,                                                        // somebody else's answer
		`{"subject":"test.echo","data":1}`,                                                              // nobody wants the answer
		`{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":"` + strings.Repeat("x", 70000) + `"}`, // over the limit
	}
	for _, frame := range bad {
		p.Send(t, frame)
	}
	p.SendBinary(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1"}`)
	p.Send(t, `{"subject":"agent.error","error":{"code":"forbidden","message":"no"}}`)
	p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m2","data":2}`)
	for {
		m := <-p.Seen
		if m.Subject == inbox(2) {
			break
		}
		if strings.HasPrefix(m.Subject, "inbox.") {
			t.Errorf("it answered %v", m)
		}
	}
	r.log.says(t, "forbidden: no")
	p.Drop()
	r.log.says(t, fmt.Sprintf("droppedFrames=%d", len(bad)+1))
}

func TestAFrameFarOverTheLimitEndsTheConnectionOnly(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	connected(t, m, r, managertest.Defaults()).Send(t, strings.Repeat("x", 200_000))
	connected(t, m, r, managertest.Defaults())
}

func TestASlowHandlerDelaysNobody(t *testing.T) {
	m := managertest.Start(t, nil)
	release := make(chan struct{})
	r := run(t, m.URL, func(l *Link) {
		l.router.handlers["test.slow"] = func(context.Context, json.RawMessage) (any, error) { <-release; return 1, nil }
		l.router.handlers["test.broken"] = func(context.Context, json.RawMessage) (any, error) { return json.RawMessage("{"), nil }
		l.router.handlers["test.panic"] = func(context.Context, json.RawMessage) (any, error) { panic("boom") }
	})
	p := connected(t, m, r, managertest.Defaults())
	p.Send(t, `{"subject":"test.slow","reply":"inbox.c7h2k9.m1"}`)
	p.Send(t, `{"subject":"test.panic","reply":"inbox.c7h2k9.m2"}`)
	if got := p.Await(t, inbox(2)); got.Error == nil || got.Error.Code != protocol.Internal {
		t.Errorf("got %+v", got)
	}
	p.Send(t, `{"subject":"test.broken","reply":"inbox.c7h2k9.m4"}`)
	if got := p.Await(t, inbox(4)); got.Error == nil || got.Error.Code != protocol.Internal {
		t.Errorf("got %+v", got)
	}
	p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m3"}`)
	p.Await(t, inbox(3))
	close(release)
	p.Await(t, inbox(1))
	r.log.says(t, "handler panicked")
}

// opened returns a connection during run, and a channel for the result of run.
func opened(t *testing.T, ctx context.Context) (*managertest.Peer, *connection, <-chan error) {
	t.Helper()
	m := managertest.Start(t, nil)
	manager, err := identity.ParseManager(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := New(Config{Manager: manager, Token: managertest.PermanentToken, Enrolled: true, Log: slog.New(slog.DiscardHandler)})
	opened := make(chan *connection, 1)
	go func() {
		c, _, err := l.open(ctx)
		if err != nil {
			t.Error(err)
		}
		opened <- c
	}()
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	c := <-opened
	p.Serve()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- c.run(ctx, func(time.Duration) { close(ready) }) }()
	select {
	case <-ready:
	case <-ctx.Done():
		t.Fatal("the connection does not become ready")
	}
	return p, c, ended
}

func TestRequestsOfThisAgent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), managertest.Timeout)
	defer cancel()
	p, c, ended := opened(t, ctx)

	data, err := c.request(ctx, protocol.SubjectEcho, json.RawMessage(`{"a":1}`))
	if err != nil || string(data) != `{"a":1}` {
		t.Errorf("got %s, %v", data, err)
	}

	answers := make(chan error, 1)
	ask := func(ctx context.Context, subject string) string {
		go func() {
			_, err := c.request(ctx, subject, nil)
			answers <- err
		}()
		return p.Await(t, subject).Reply
	}
	p.Send(t, `{"subject":"`+ask(ctx, "agent.status")+`","error":{"code":"not_registered","message":"x"}}`)
	wantCode(t, <-answers, "not_registered")

	short, expire := context.WithCancel(ctx)
	deep := strings.Repeat("[", 513) + strings.Repeat("]", 513)
	for answer, code := range map[string]protocol.Code{
		`"data":` + deep: protocol.InvalidMessage, `"data":1,"timestamp":1.5`: protocol.InvalidMessage, `"error":{"code":"x"}`: protocol.InvalidMessage,
		`"data":1,"error":{"code":"x","message":""}`: protocol.InvalidMessage, `"data":1,"reply":"a.*"`: protocol.InvalidSubject,
	} {
		asked := time.Now()
		inbox := ask(ctx, "agent.status")
		p.Send(t, `{"subject":"`+inbox+`-",`+answer+`}`) // for nobody
		p.Send(t, `{"subject":"`+inbox+`",`+answer+`}`)
		wantCode(t, <-answers, code)
		if took := time.Since(asked); took > managertest.Timeout/2 {
			t.Errorf("%.40s: it failed after %v", answer, took)
		}
	}

	late := ask(short, "agent.status")
	expire()
	wantCode(t, <-answers, protocol.Timeout)
	p.Send(t, `{"subject":"`+late+`","data":"late"}`)

	_, err = c.request(ctx, "foo.*", nil)
	wantCode(t, err, protocol.InvalidSubject)
	_, err = c.request(ctx, "a", json.RawMessage(`"`+strings.Repeat("x", 70_000)+`"`))
	wantCode(t, err, protocol.PayloadTooLarge)

	ask(ctx, "agent.status")
	p.Drop()
	wantCode(t, <-answers, protocol.Disconnected)
	<-ended
	_, err = c.request(ctx, "agent.status", nil)
	wantCode(t, err, protocol.Disconnected)
	if n := pending(c); n != 0 {
		t.Errorf("%d requests are left", n)
	}
}

func pending(c *connection) int {
	c.requests.mu.Lock()
	defer c.requests.mu.Unlock()
	return len(c.requests.pending)
}

// The manager's answer to a request depends on the number of the request.
const (
	answers   = iota
	twice     // answers a second time, with other data
	neither   // never answers
	late      // answers after the requester has given up
	strangely // answers a wrong inbox first
	refuses
	fates
)

func TestTenThousandRequestsEachEndOnceWithTheirOwnAnswer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 6*managertest.Timeout)
	defer cancel()
	p, c, ended := opened(t, ctx)
	const total, requesters, left = 10_000, 400, 50

	// The manager collects requests, and answers random ones.
	asked, over := make(chan protocol.Message, total+left), make(chan struct{})
	managerEnded := make(chan struct{})
	go func() {
		for {
			select {
			case m := <-p.Seen:
				if m.Subject == "agent.status" {
					asked <- m
				}
			case <-over:
				return
			}
		}
	}()
	had := make([]chan string, total) // gets the inbox of a request that the manager will not answer in time
	for n := range had {
		had[n] = make(chan string, 1)
	}
	go func() {
		defer close(managerEnded)
		var kept []protocol.Message
		for {
			select {
			case m := <-asked:
				kept = append(kept, m)
				continue
			case <-over:
				return
			case <-time.After(time.Millisecond): // no more for now
			}
			rand.Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
			some := (len(kept) + 1) / 2
			for _, m := range kept[:some] {
				var n int
				if err := json.Unmarshal(m.Data, &n); err != nil {
					t.Error(err)
				}
				right := fmt.Sprintf(`{"subject":"%s","data":%d}`, m.Reply, n)
				switch n % fates {
				case answers:
					p.Send(t, right)
				case twice:
					p.Send(t, right)
					p.Send(t, fmt.Sprintf(`{"subject":"%s","data":"second"}`, m.Reply))
				case strangely:
					p.Send(t, fmt.Sprintf(`{"subject":"%s-","data":%d}`, m.Reply, n))
					p.Send(t, right)
				case refuses:
					p.Send(t, fmt.Sprintf(`{"subject":"%s","error":{"code":"refused_%d","message":"x"}}`, m.Reply, n))
				case neither, late:
					had[n] <- m.Reply
				}
			}
			kept = kept[some:]
		}
	}()

	numbers := make(chan int)
	var requesting sync.WaitGroup
	for range requesters {
		requesting.Go(func() {
			for n := range numbers {
				fate := n % fates
				asking, giveUp := context.WithCancel(ctx)
				var inbox string
				if fate == neither || fate == late {
					go func() { inbox = <-had[n]; giveUp() }()
				}
				data, err := c.request(asking, "agent.status", json.RawMessage(fmt.Sprint(n)))
				giveUp()
				switch fate {
				case answers, twice, strangely:
					if err != nil || string(data) != fmt.Sprint(n) {
						t.Errorf("request %d: %s, %v", n, data, err)
					}
				case neither, late:
					wantCode(t, err, protocol.Timeout)
					if fate == late {
						p.Send(t, fmt.Sprintf(`{"subject":"%s","data":"late"}`, inbox))
					}
				case refuses:
					wantCode(t, err, protocol.Code(fmt.Sprintf("refused_%d", n)))
				}
			}
		})
	}
	for n := range total {
		numbers <- n
	}
	close(numbers)
	requesting.Wait()
	// A socket keeps the order of messages, so this answer comes last.
	if _, err := c.request(ctx, protocol.SubjectEcho, json.RawMessage("1")); err != nil {
		t.Error(err)
	}
	if n := pending(c); n != 0 {
		t.Errorf("%d requests are left", n)
	}

	// Requests without an answer end when the connection is lost.
	close(over)
	<-managerEnded
	var losing sync.WaitGroup
	for n := range left {
		losing.Go(func() {
			_, err := c.request(ctx, "agent.status", json.RawMessage(fmt.Sprint(n)))
			wantCode(t, err, protocol.Disconnected)
		})
	}
	eventually(t, func() bool { return pending(c) == left }, "all are under way")
	p.Drop()
	losing.Wait()
	<-ended
	if n := pending(c); n != 0 {
		t.Errorf("%d requests are left", n)
	}
}
