package identity

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Enrolment says where an enrolment token is to be found. The first of the fields that is set counts.
type Enrolment struct {
	Token string // itself
	File  string // path of a file whose first line it is, or "-" for standard input
	Env   string // what ZEDOPS_TOKEN held
}

// ErrNoToken is returned by Read when no source is set.
var ErrNoToken = errors.New("this host is not enrolled yet, and no enrolment token was given")

// Read returns the token. It may wait for standard input; a person there is asked on prompt.
func (e Enrolment) Read(stdin *os.File, prompt io.Writer) (string, error) {
	var token string
	var err error
	switch {
	case e.Token != "":
		token = strings.TrimSpace(e.Token)
	case e.File == "-":
		if info, err := stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprint(prompt, "Paste the enrolment token: ")
		}
		token, err = firstLine(stdin)
	case e.File != "":
		token, err = firstLineOf(e.File)
	case e.Env != "":
		token = strings.TrimSpace(e.Env)
	default:
		return "", ErrNoToken
	}
	if err != nil {
		return "", fmt.Errorf("read the enrolment token: %w", err)
	}
	if token == "" {
		return "", errors.New("the enrolment token is empty")
	}
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("the enrolment token cannot be used: %w", err)
	}
	return token, nil
}

func firstLineOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return firstLine(f)
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 8192)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}
