package cli

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/event"
)

// replayJournal remembers what a replay has applied, so that an interrupted one can go on: a line of JSON that says
// which replay it is, then a line for each applied state, with the sequence and the component. Lines are only appended,
// so whatever ends the process costs no more than what was just being applied; a torn last line counts as not written.
type replayJournal struct {
	replayHeader
	path    string
	resumed bool
	done    map[component.Key]replayed // what an earlier process has applied

	mu   sync.Mutex
	file *os.File // nil for a dry run
}

// replayed is how far a component has come.
type replayed struct {
	sequence uint64
	states   int
}

// replayHeader is the journal's first line.
type replayHeader struct {
	Command string `json:"command"`
	// From is the sequence that the choice began with: a duration means another moment each time.
	From uint64 `json:"from"`
}

// openReplayJournal reads what is to be resumed. A dry run leaves the file alone.
func openReplayJournal(c *cli.Context, chosen choice, t *replayTarget) (*replayJournal, error) {
	dir := stateDir()
	j := &replayJournal{
		replayHeader: replayHeader{Command: chosen.command(false)}, done: map[component.Key]replayed{},
		path: filepath.Join(dir, "replay-"+replayID(chosen, t)+".log"),
	}
	var err error
	if c.Bool("dry-run") {
		err = j.peek(c.Bool("resume"))
	} else {
		err = j.open(dir, c.Bool("resume"), c.App.ErrWriter)
	}
	if err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// replayID is the same for the same choice, target and life of the stream.
func replayID(chosen choice, t *replayTarget) string {
	target := t.target
	if !t.live {
		target = ""
	}
	text, err := json.Marshal([]any{chosen, t.cluster, target, t.address, t.log.Created().UTC().Format(time.RFC3339Nano)})
	if err != nil {
		panic(err) // text, numbers and booleans always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func stateDir() string {
	if base := os.Getenv("XDG_STATE_HOME"); base != "" {
		return filepath.Join(base, "odasync")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "odasync")
	}
	return filepath.Join(home, ".local", "state", "odasync")
}

// peek reads the journal of an interrupted replay, if that is wanted.
func (j *replayJournal) peek(resume bool) error {
	if !resume {
		return nil
	}
	content, err := os.ReadFile(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return j.nothing()
	}
	if err != nil {
		return fmt.Errorf("read the progress of the replay: %w", err)
	}
	return j.read(content)
}

func (j *replayJournal) nothing() error {
	return fmt.Errorf("there is nothing to resume: no interrupted replay of `%s` left its progress in %s: leave out --resume", j.Command, filepath.Dir(j.path))
}

// open takes the journal for this process alone, and reads it if that is wanted.
func (j *replayJournal) open(dir string, resume bool, stderr io.Writer) error {
	fail := func(err error) error {
		return fmt.Errorf("keep the progress of the replay: %w: set XDG_STATE_HOME to a folder that can be written", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	var err error
	if j.file, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return fail(err)
	}
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process is running `%s`: wait until it has ended", j.Command)
	}
	content, err := io.ReadAll(j.file)
	if err != nil {
		return fail(err)
	}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	switch {
	case resume && len(whole) == 0:
		return j.nothing()
	case resume:
		if err := j.file.Truncate(int64(len(whole))); err != nil {
			return fail(err)
		}
		return j.read(whole)
	case len(whole) > 0:
		_, _ = fmt.Fprintln(stderr, "starting over: an earlier run of this replay did not end well, --resume would go on with it")
	}
	return nil
}

// read takes in what an earlier process wrote.
func (j *replayJournal) read(content []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(content[:bytes.LastIndexByte(content, '\n')+1])) // without a torn line
	lines.Buffer(nil, 1<<20)
	if lines.Scan() {
		var header replayHeader
		if err := json.Unmarshal(lines.Bytes(), &header); err != nil {
			return fmt.Errorf("read the progress of the replay: %s: %w: remove the file and leave out --resume", j.path, err)
		}
		j.From = header.From
	}
	for lines.Scan() {
		number, tokens, _ := strings.Cut(lines.Text(), " ")
		sequence, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			continue // applying a state again writes nothing
		}
		if key, err := event.ParseTokens(tokens); err == nil {
			j.done[key] = replayed{max(j.done[key].sequence, sequence), j.done[key].states + 1}
		}
	}
	j.resumed = true
	return nil
}

// begin writes which replay this is.
func (j *replayJournal) begin(from uint64) error {
	if j.resumed {
		return nil
	}
	j.From = from
	header, err := json.Marshal(j.replayHeader)
	if err == nil {
		err = j.file.Truncate(0)
	}
	if err != nil {
		return fmt.Errorf("keep the progress of the replay: %w", err)
	}
	return j.write(append(header, '\n'))
}

// applied notes a state that the registry holds now.
func (j *replayJournal) applied(key component.Key, sequence uint64) error {
	return j.write(journalLine(key, sequence))
}

func journalLine(key component.Key, sequence uint64) []byte {
	return []byte(strconv.FormatUint(sequence, 10) + " " + event.Tokens(key) + "\n")
}

func (j *replayJournal) write(text []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(text); err != nil {
		return fmt.Errorf("keep the progress of the replay: %w", err)
	}
	return nil
}

// remove ends the journal of a replay that has nothing left to do.
func (j *replayJournal) remove() error {
	if err := os.Remove(j.path); err != nil {
		return fmt.Errorf("remove the progress of the replay: %w", err)
	}
	return nil
}

func (j *replayJournal) close() {
	if j.file == nil {
		return
	}
	if info, err := j.file.Stat(); err == nil && info.Size() == 0 {
		_ = os.Remove(j.path) // nothing was begun; an empty file does no harm
	}
	_ = j.file.Close() // every line was written
}
