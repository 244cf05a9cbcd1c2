package fault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zedops/zedops/agent/internal/protocol"
)

func TestEveryFaultHasOneKind(t *testing.T) {
	var codes []Code
	for _, k := range kinds {
		if slices.Contains(codes, k.code) {
			t.Errorf("%s is there twice", k.code)
		}
		codes = append(codes, k.code)
		if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(string(k.code)) || k.text == "" || k.step != "" && k.remedy == "" {
			t.Errorf("%+v lacks something", k)
		}
		if k.step != "" && !slices.Contains(Steps, k.step) {
			t.Errorf("%s is at no step", k.code)
		}
	}
}

// The dashboard and scripts rely on the codes.
func TestThePageListsEveryCodeOfAStep(t *testing.T) {
	page, err := os.ReadFile("../../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if row := fmt.Sprintf("| %s | `%s` |", k.step, k.code); k.step != "" && !strings.Contains(string(page), row) {
			t.Errorf("docs/OPERATIONS.md has no row with %s", row)
		}
	}
}

func TestAFaultSpeaksPlainly(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
		code Code
	}{
		{New(Refused, io.EOF, "the manager", "192.0.2.1:443"), "the manager refuses connections at 192.0.2.1:443: check the manager's URL and port, and whether the manager runs", Refused},
		{New(NameNotFound, nil, "100%.example"), "the name 100%.example is not known: " + Remedy(NameNotFound), NameNotFound},
		{New("quota", nil, "the manager answered 50%"), "the manager answered 50%", "quota"},
		{New(ConnectionCut, nil), "the connection broke off", ConnectionCut},
		{fmt.Errorf("register: %w", &protocol.WireError{Code: protocol.Timeout}), "register: timeout", "timeout"},
		{io.EOF, "EOF", Other},
	} {
		if got := c.err.Error(); got != c.says {
			t.Errorf("it says %q", got)
		}
		if code := CodeOf(fmt.Errorf("wrapped: %w", c.err)); code != c.code {
			t.Errorf("%v has the code %s", c.err, code)
		}
	}
	if !errors.Is(New(Refused, io.EOF), io.EOF) {
		t.Error("the cause is lost")
	}
}

// Each fault that the suite makes on purpose has a verdict of doctor, with a code that exists.
func TestTheReliabilityPageKnowsTheVerdicts(t *testing.T) {
	page, err := os.ReadFile("../../../docs/RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Faults\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 || strings.HasPrefix(cells[1], "---") || cells[1] == " fault " {
			continue
		}
		rows++
		verdict := strings.TrimSpace(cells[len(cells)-2])
		codes := regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(verdict, -1)
		if len(codes) == 0 && verdict != "–" && !strings.HasPrefix(verdict, "healthy") {
			t.Errorf("%s: what is %q?", cells[1], verdict)
		}
		for _, code := range codes {
			if !slices.ContainsFunc(kinds, func(k kind) bool { return string(k.code) == code[1] }) {
				t.Errorf("%s: there is no code %s", cells[1], code[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("there are %d rows", rows)
	}
}
