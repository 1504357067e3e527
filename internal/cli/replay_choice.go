package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// choice is which components are replayed, and where to. The same choice, in the same life of the stream, is the same
// replay, which --resume continues.
type choice struct {
	Name, Namespace string
	All             bool
	Since           string
	FromSeq         uint64
	EveryEvent      bool
	To              string

	since       time.Time // zero where Since is empty
	toKeyFile   string
	concurrency int
	timeout     string // empty for the default
}

// choose reads the flags; nothing is chosen by default.
func choose(c *cli.Context) (choice, error) {
	chosen := choice{
		Name: c.Args().First(), Namespace: c.String("namespace"), All: c.Bool("all"), Since: c.String("since"),
		FromSeq: c.Uint64("from-seq"), EveryEvent: c.Bool("every-event"), To: c.String("to"),
		toKeyFile: c.String("to-api-key-file"), concurrency: c.Int("concurrency"),
	}
	if c.IsSet("timeout") {
		chosen.timeout = c.Duration("timeout").String()
	}
	if chosen.Since != "" {
		var err error
		if chosen.since, err = parseSince(chosen.Since, time.Now()); err != nil {
			return choice{}, err
		}
	}
	switch {
	case c.NArg() > 1:
		return choice{}, fmt.Errorf("unexpected argument %q: give one name, or choose more with -n, --since, --from-seq or --all", c.Args().Get(1))
	case chosen.Name != "" && chosen.All:
		return choice{}, errors.New("give the name of a component, or --all")
	case chosen.Name == "" && chosen.Namespace == "" && chosen.Since == "" && chosen.FromSeq == 0 && !chosen.All:
		return choice{}, errors.New("say what to replay: the name of a component, -n, --since, --from-seq, or --all")
	case c.IsSet("to") && chosen.To == "":
		return choice{}, errors.New("--to is empty: give the address of the registry to build, or leave it out for the live one")
	case chosen.EveryEvent && chosen.To == "":
		return choice{}, errors.New("--every-event would show older states in the live registry for a moment: it is only for another one, give --to URL")
	case c.IsSet("to-api-key-file") && chosen.To == "":
		return choice{}, errors.New("--to-api-key-file is for the registry of --to, which is not given")
	case c.IsSet("concurrency") && (chosen.concurrency < 1 || chosen.concurrency > 1024):
		return choice{}, fmt.Errorf("--concurrency is %d: 1 to 1024", chosen.concurrency)
	case c.Duration("timeout") <= 0:
		return choice{}, errors.New("--timeout must be more than 0, such as 30s")
	}
	return chosen, nil
}

// command is the line that replays the choice, or goes on with it.
func (x *choice) command(resume bool) string {
	words := []string{"ctl", "replay"}
	add := func(given bool, more ...string) {
		if given {
			words = append(words, more...)
		}
	}
	add(x.Name != "", x.Name)
	add(x.Namespace != "", "-n", x.Namespace)
	add(x.All, "--all")
	add(x.Since != "", "--since", x.Since)
	add(x.FromSeq != 0, "--from-seq", strconv.FormatUint(x.FromSeq, 10))
	add(x.EveryEvent, "--every-event")
	add(x.To != "", "--to", x.To)
	add(x.toKeyFile != "", "--to-api-key-file", x.toKeyFile)
	add(x.concurrency != 0, "--concurrency", strconv.Itoa(x.concurrency))
	add(x.timeout != "", "--timeout", x.timeout)
	add(resume, "--resume")
	for n, word := range words {
		words[n] = shellWord(word)
	}
	return strings.Join(words, " ")
}

// shellWord quotes what a shell would not take as it stands.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+,@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
