package link

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
)

func TestAConnectionThatIsAlwaysCutAtTheSameAgeIsNamed(t *testing.T) {
	const s = time.Second
	cut := explainSocketError(io.EOF)
	for name, c := range map[string]struct {
		ages  []time.Duration
		named bool
	}{
		"a minute each":            {[]time.Duration{60 * s, 60500 * time.Millisecond, 59 * s}, true},
		"an hour each":             {[]time.Duration{3600 * s, 3630 * s, 3599 * s}, true},
		"twice only":               {[]time.Duration{60 * s, 60 * s}, false},
		"differing":                {[]time.Duration{60 * s, 75 * s, 60 * s}, false},
		"the same after others":    {[]time.Duration{5 * s, 700 * s, 60 * s, 60 * s, 61 * s}, true},
		"a manager that flaps":     {[]time.Duration{s, s, s, s}, false},
		"as before a change":       {[]time.Duration{60 * s, 60 * s, 600 * s}, false},
		"one age between the same": {[]time.Duration{60 * s, 60 * s, 10 * s, 60 * s}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var a ages
			var err error
			for _, age := range c.ages {
				err = a.explain(cut, age)
			}
			if named := fault.CodeOf(err) == fault.CutAtSameAge; named != c.named || !errors.Is(err, io.EOF) {
				t.Errorf("it became %v", err)
			}
		})
	}
}

func TestAnotherEndBetweenForgetsTheAges(t *testing.T) {
	var a ages
	for _, err := range []error{io.EOF, io.EOF, context.DeadlineExceeded, io.EOF} {
		if got := a.explain(explainSocketError(err), time.Minute); fault.CodeOf(got) == fault.CutAtSameAge {
			t.Errorf("%v became %v", err, got)
		}
	}
}
