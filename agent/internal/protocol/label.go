package protocol

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLabels is the largest number of labels of an agent.
const MaxLabels = 16

const (
	maxLabelKeyBytes        = 63
	maxLabelValueCharacters = 63
)

// LabelFault is the reason why a label is refused; nil if it is valid. docs/PROTOCOL.md "Labels" has the rules.
func LabelFault(label string) error {
	key, value, _ := strings.Cut(label, "=")
	if !isLabelKey(key) {
		return errors.New("the key must have 1 to 63 letters, digits, '.', '_', '-' or '/', and begin with a letter or a digit")
	}
	if value == "" {
		return nil
	}
	if utf8.RuneCountInString(value) > maxLabelValueCharacters {
		return fmt.Errorf("the value must have at most %d characters", maxLabelValueCharacters)
	}
	if err := NameFault(value); err != nil {
		return fmt.Errorf("the value %w", err)
	}
	if strings.TrimSpace(value) != value {
		return errors.New("the value must not begin or end with white space")
	}
	return nil
}

// LabelsFault is the reason why valid labels may not be on one agent together; nil if they may.
func LabelsFault(labels []string) error {
	if len(labels) > MaxLabels {
		return fmt.Errorf("there must be at most %d labels", MaxLabels)
	}
	keys := map[string]bool{}
	for _, label := range labels {
		key, _, _ := strings.Cut(label, "=")
		if keys[key] {
			return errors.New("two labels must not have the same key")
		}
		keys[key] = true
	}
	return nil
}

func isLabelKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		isAlphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !isAlphanumeric && (i == 0 || !strings.ContainsRune("._/-", rune(c))) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxLabelKeyBytes
}
