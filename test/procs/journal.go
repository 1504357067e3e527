package procs

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
)

// Entry is one line of a program's JSON log.
type Entry map[string]any

// Text returns a field as text; empty where it is absent.
func (e Entry) Text(field string) string {
	text, _ := e[field].(string)
	return text
}

// Message is the line's constant part.
func (e Entry) Message() string { return e.Text("message") }

// journal keeps the lines that a process wrote and passes them on to a file.
type journal struct {
	file io.Writer

	mu      sync.Mutex
	rest    []byte // of a line whose end has not come yet
	lines   []string
	changed chan struct{} // closed at the next line
}

func newJournal(file io.Writer) *journal {
	return &journal{file: file, changed: make(chan struct{})}
}

// Write takes what the process wrote. The file's errors are not the process's business.
func (j *journal) Write(written []byte) (int, error) {
	_, _ = j.file.Write(written) // the lines in memory are what counts
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, written...)
	for {
		end := bytes.IndexByte(j.rest, '\n')
		if end < 0 {
			return len(written), nil
		}
		j.lines = append(j.lines, string(j.rest[:end]))
		j.rest = slices.Clone(j.rest[end+1:])
		close(j.changed)
		j.changed = make(chan struct{})
	}
}

// from returns the lines from a number on, and a channel that is closed when there are more.
func (j *journal) from(number int) ([]string, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines[min(number, len(j.lines)):]), j.changed
}

// await returns the first line that matches.
func (j *journal) await(ctx context.Context, ended <-chan struct{}, match func(line string) bool) (string, error) {
	for read := 0; ; {
		lines, changed := j.from(read)
		for _, line := range lines {
			if match(line) {
				return line, nil
			}
		}
		read += len(lines)
		select {
		case <-changed:
		case <-ctx.Done():
			return "", ctx.Err()
		case <-ended:
			if more, _ := j.from(read); len(more) == 0 {
				return "", errEnded
			}
		}
	}
}

// tail returns the last lines as one text.
func (j *journal) tail(count int) string {
	lines, _ := j.from(0)
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// parse reads a line of a JSON log; nil for any other line.
func parse(line string) Entry {
	var entry Entry
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &entry) != nil {
		return nil
	}
	return entry
}
