package protocol

import (
	"fmt"
	"strings"
	"testing"
)

type labelVector struct {
	Input string
	Label *string // the label as the manager keeps it; nil if it is refused
}

func TestLabelVectors(t *testing.T) {
	for _, c := range readVectors[labelVector](t, "labels.json") {
		if err := LabelFault(c.Input); (err == nil) != (c.Label != nil) {
			t.Errorf("LabelFault(%q) = %v", c.Input, err)
		}
	}
}

func TestALabelIsValidUTF8(t *testing.T) {
	for _, label := range []string{"k=\xff", "k=v\xc3", "\xff"} {
		if LabelFault(label) == nil {
			t.Errorf("%q is accepted", label)
		}
	}
}

func TestLabelsOfOneAgent(t *testing.T) {
	many := make([]string, MaxLabels)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=v", i)
	}
	for want, labels := range map[string][]string{
		"":           many,
		"at most 16": append([]string{"one-more"}, many...),
		"same key":   {"env=prod", "edge", "env"},
	} {
		if err := LabelsFault(labels); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", labels, err, want)
		}
	}
}
