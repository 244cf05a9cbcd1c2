package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

func TestEveryRequestGetsItsOwnAnswerOnce(t *testing.T) {
	r := newRequests("inbox.c.")
	var inboxes []string
	var answers []<-chan protocol.Message
	for range 1000 {
		inbox, answer, ok := r.open()
		if !ok || !protocol.IsSubject(inbox) {
			t.Fatalf("inbox %q, %v", inbox, ok)
		}
		inboxes, answers = append(inboxes, inbox), append(answers, answer)
	}
	var deliveries sync.WaitGroup
	for _, i := range rand.Perm(1000) {
		deliveries.Go(func() {
			m := protocol.Message{Subject: inboxes[i], Reply: fmt.Sprint(i)}
			if !r.deliver(m) || r.deliver(m) {
				t.Errorf("request %d was not answered exactly once", i)
			}
		})
	}
	deliveries.Wait()
	for i, answer := range answers {
		if m := <-answer; m.Reply != fmt.Sprint(i) {
			t.Errorf("request %d got the answer of %s", i, m.Reply)
		}
	}
	if len(r.pending) != 0 {
		t.Errorf("%d requests are left", len(r.pending))
	}
}

func TestAnswersThatNobodyWaitsForAreNotDelivered(t *testing.T) {
	r := newRequests("inbox.c.")
	inbox, _, _ := r.open()
	r.abandon(inbox)
	for _, subject := range []string{inbox, "inbox.c.unknown", "inbox.other.1", ""} {
		if r.deliver(protocol.Message{Subject: subject}) {
			t.Errorf("%q found somebody", subject)
		}
	}
	if len(r.pending) != 0 {
		t.Errorf("%d requests are left", len(r.pending))
	}
}

func TestALostConnectionFailsEveryRequestAtOnce(t *testing.T) {
	r := newRequests("inbox.c.")
	inbox, answer, _ := r.open()
	r.failAll()
	select {
	case m, ok := <-answer:
		if ok {
			t.Errorf("it was answered with %v", m)
		}
	case <-time.After(time.Second):
		t.Error("the request still waits")
	}
	r.abandon(inbox)
	if _, _, ok := r.open(); ok || r.deliver(protocol.Message{Subject: inbox}) || len(r.pending) != 0 {
		t.Error("a lost connection takes requests")
	}
}

func wantCode(t *testing.T, err error, code protocol.Code) {
	t.Helper()
	var known *protocol.WireError
	if !errors.As(err, &known) || known.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}
