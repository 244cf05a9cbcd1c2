package link

import (
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
)

// ages remembers how long the last connections lasted. If something cuts each of them at the same age, the log names that
// cause: it does not show in any single loss.
type ages struct{ last []time.Duration }

// sameAges is how many connections in a row tell a rule from an accident.
const sameAges = 3

// explain returns another error if the last connections all broke off at this age.
func (a *ages) explain(err error, up time.Duration) error {
	if fault.CodeOf(err) != fault.ConnectionCut {
		a.last = nil
		return err
	}
	a.last = append(a.last, up)
	if len(a.last) > sameAges {
		a.last = a.last[1:]
	}
	tolerance := max(2*time.Second, up/50)
	for _, age := range a.last {
		if len(a.last) < sameAges || up < 3*tolerance || (age-up).Abs() > tolerance {
			return err
		}
	}
	return fault.New(fault.CutAtSameAge, err, up.Round(time.Second).String())
}
