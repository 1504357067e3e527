package replay

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

	"odasync/internal/component"
	"odasync/internal/event"
)

// Journal is the file that records what a replay has applied, so that an interrupted one can be resumed: a line of JSON
// that identifies the replay, then a line for each applied state with its sequence and component. Lines are only appended;
// a torn last line is ignored.
type Journal struct {
	command string
	from    uint64 // the sequence that the selection began with: a duration means another moment each time
	path    string
	resumed bool
	restart bool
	done    map[component.Key]progress // what earlier runs have applied

	mu   sync.Mutex
	file *os.File // nil for a dry run
}

// progress is how far a component has come.
type progress struct {
	sequence uint64
	states   int
}

// header is the journal's first line.
type header struct {
	Command string `json:"command"`
	From    uint64 `json:"from"`
}

// OpenJournal opens the replay's journal in the folder, for this process alone. With resume it reads what earlier runs have
// applied; that there is none is an error.
func (r *Replay) OpenJournal(dir string, resume bool) (*Journal, error) {
	j := r.journal(dir)
	if err := j.open(resume); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// ReadJournal is OpenJournal for a dry run: it leaves the file alone.
func (r *Replay) ReadJournal(dir string, resume bool) (*Journal, error) {
	j := r.journal(dir)
	if !resume {
		return j, nil
	}
	content, err := os.ReadFile(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, j.missing()
	case err != nil:
		return nil, fmt.Errorf("read the replay's journal: %w", err)
	}
	return j, j.read(content)
}

func (r *Replay) journal(dir string) *Journal {
	return &Journal{command: r.Command, done: map[component.Key]progress{}, path: filepath.Join(dir, "replay-"+r.id()+".log")}
}

// id is the same for the same choice, destination and stream.
func (r *Replay) id() string {
	text, err := json.Marshal([]any{r.Choice, r.Cluster, r.Destination.Target, r.Destination.Address, r.Source.Created().UTC().Format(time.RFC3339Nano)})
	if err != nil {
		panic(err) // text, numbers and booleans always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (j *Journal) missing() error {
	return fmt.Errorf("nothing to resume: %s has no journal of an interrupted `%s`: leave out --resume", filepath.Dir(j.path), j.command)
}

func (j *Journal) open(resume bool) error {
	fail := func(err error) error {
		return fmt.Errorf("open the replay's journal: %w: set XDG_STATE_HOME to a writable folder", err)
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return fail(err)
	}
	var err error
	if j.file, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return fail(err)
	}
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process runs `%s`: wait until it has ended", j.command)
	}
	content, err := io.ReadAll(j.file)
	if err != nil {
		return fail(err)
	}
	whole := wholeLines(content)
	switch {
	case !resume:
		j.restart = len(whole) > 0
		return nil
	case len(whole) == 0:
		return j.missing()
	}
	if err := j.file.Truncate(int64(len(whole))); err != nil {
		return fail(err)
	}
	return j.read(whole)
}

// wholeLines cuts off a torn last line.
func wholeLines(content []byte) []byte { return content[:bytes.LastIndexByte(content, '\n')+1] }

// read takes in what earlier runs wrote.
func (j *Journal) read(content []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(wholeLines(content)))
	lines.Buffer(nil, 1<<20)
	if lines.Scan() {
		var first header
		if err := json.Unmarshal(lines.Bytes(), &first); err != nil {
			return fmt.Errorf("read the replay's journal %s: %w: remove the file and leave out --resume", j.path, err)
		}
		j.from = first.From
	}
	for lines.Scan() {
		number, tokens, _ := strings.Cut(lines.Text(), " ")
		sequence, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			continue // applying a state again writes nothing
		}
		if key, err := event.ParseTokens(tokens); err == nil {
			j.done[key] = progress{max(j.done[key].sequence, sequence), j.done[key].states + 1}
		}
	}
	j.resumed = true
	return nil
}

// Restarted reports whether the journal of an interrupted run is replaced, as it was not resumed.
func (j *Journal) Restarted() bool { return j.restart }

// Begin writes which replay the journal is of, unless it is resumed.
func (j *Journal) Begin(plan *Plan) error {
	if j.resumed {
		return nil
	}
	first, err := json.Marshal(header{Command: j.command, From: plan.from})
	if err == nil {
		err = j.file.Truncate(0)
	}
	if err != nil {
		return fmt.Errorf("write the replay's journal: %w", err)
	}
	return j.write(append(first, '\n'))
}

// record notes a state that the registry holds now.
func (j *Journal) record(key component.Key, sequence uint64) error {
	return j.write([]byte(strconv.FormatUint(sequence, 10) + " " + event.Tokens(key) + "\n"))
}

func (j *Journal) write(text []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(text); err != nil {
		return fmt.Errorf("write the replay's journal: %w", err)
	}
	return nil
}

// Remove deletes the journal of a replay that has nothing left to do.
func (j *Journal) Remove() error {
	if err := os.Remove(j.path); err != nil {
		return fmt.Errorf("remove the replay's journal: %w", err)
	}
	return nil
}

// Close releases the journal. One without content is removed.
func (j *Journal) Close() {
	if j.file == nil {
		return
	}
	if info, err := j.file.Stat(); err == nil && info.Size() == 0 {
		_ = os.Remove(j.path) // an empty file does no harm
	}
	_ = j.file.Close() // every line was written
}
