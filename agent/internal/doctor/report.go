package doctor

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/zedops/zedops/agent/internal/fault"
)

// Result is the verdict of a check.
type Result string

const (
	OK      Result = "ok"
	Failed  Result = "failed"
	Skipped Result = "skipped" // not reached, or there is nothing to check; the text says which
)

// Check is the verdict on one step.
type Check struct {
	Step   fault.Step `json:"check"`
	Result Result     `json:"result"`
	Code   fault.Code `json:"code,omitempty"` // of a failed check
	Text   string     `json:"text"`
	Remedy string     `json:"remedy,omitempty"` // of a failed check
}

// Report is what doctor found.
type Report struct {
	Manager string  `json:"manager,omitempty"` // its URL, if known
	Healthy bool    `json:"healthy"`           // whether no check has failed
	Checks  []Check `json:"checks"`            // one for each step, in the order of fault.Steps
}

// WriteJSON writes the report as one JSON document.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes one line for each check, and the remedy below each failed one.
func (r Report) WriteText(w io.Writer) error {
	text := ""
	if r.Manager != "" {
		text = "Manager: " + r.Manager + "\n"
	}
	for _, c := range r.Checks {
		text += pad(string(c.Result), 9) + pad(string(c.Step), 12) + printable(c.Text)
		if c.Code != "" {
			text += " [" + printable(string(c.Code)) + "]"
		}
		if c.Remedy != "" {
			text += "\n" + pad("", 21) + "→ " + printable(c.Remedy)
		}
		text += "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

func pad(word string, width int) string { return word + strings.Repeat(" ", width-len(word)) }

// printable keeps what others have sent from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
