package manifests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"odasync/internal/component"
)

// maxFile is the largest file that is read, enough for some thousand Components.
const maxFile = 8 << 20

// patience is how many looks in a row may differ before what does agree is taken in regardless: a file that is written
// to without end must not hold up the others for longer than this.
const patience = 10

// file is what is known of a manifest.
type file struct {
	stamp   stamp // of what was read last; the zero stamp where that is to be tried again
	read    bool  // at least once with success
	given   []*found
	problem string // of the last try
}

// watch is one call of Watch.
type watch struct {
	*Source
	to       component.Observer
	notifier *fsnotify.Watcher // nil where the system has none

	last     *listing // nil where the folder could not be listed
	differed int      // how many looks in a row did
	failure  string   // of the folder, as logged
	unwatch  string   // why a folder is not notified of, as logged

	round    uint64
	begun    bool
	ended    bool
	told     bool // that all was read once
	reported map[component.Key]*found
}

// look takes in what changed and reports it. settled is false where another look is needed soon.
func (w *watch) look(ctx context.Context) (settled bool, err error) {
	now := time.Now()
	next, err := list(w.dir)
	if err != nil {
		w.last = nil
		err = fmt.Errorf("%w: nothing is deleted until the folder is back", err)
		w.note(err)
		if w.failure != err.Error() {
			w.failure = err.Error()
			w.log.Warn().Str("folder", w.dir).Err(err).Msg("folder cannot be read, trying again")
		}
		return true, nil
	}
	if w.failure != "" {
		w.failure = ""
		w.log.Info().Str("folder", w.dir).Msg("folder can be read again")
	}
	w.follow(next.folders)
	last := w.last
	w.last = next
	if last == nil {
		return false, nil
	}
	settled = next.agrees(last)
	if w.differed++; settled {
		w.differed = 0
	} else if w.differed < patience {
		return false, nil
	}
	changed := w.takeIn(ctx, next, last)
	missing := w.unread(next)
	if changed || !w.begun || missing == nil && !w.ended {
		if err := w.report(ctx, now, missing == nil); err != nil {
			return false, err
		}
	}
	w.note(missing)
	w.mu.Lock()
	w.lookedAt = now
	w.mu.Unlock()
	return settled, nil
}

// follow asks for notices of every folder. Asking again costs little, and a folder may have been replaced.
func (w *watch) follow(folders []string) {
	if w.notifier == nil {
		return
	}
	for _, folder := range folders {
		if err := w.notifier.Add(folder); err != nil && w.unwatch != err.Error() {
			w.unwatch = err.Error()
			w.log.Warn().Err(err).Str("folder", folder).Dur("every", w.Tuning.Poll).Msg("the system notifies of no changes here: looking for them")
		}
	}
}

// takeIn reads what both looks show and was not read yet, and forgets what both lack.
func (w *watch) takeIn(ctx context.Context, next, last *listing) (changed bool) {
	for path, is := range next.files {
		if w.files[path] == nil {
			w.files[path] = &file{problem: "it is still being written"}
		}
		f := w.files[path]
		if was, there := last.files[path]; !there || !is.same(was) || f.stamp.info != nil && f.stamp.same(is) || ctx.Err() != nil {
			continue
		}
		changed = w.refresh(path, f, is) || changed
	}
	for path := range w.files {
		if next.lacks(path) && last.lacks(path) {
			delete(w.files, path)
			changed = true
		}
	}
	return changed
}

// refresh reads a file and says whether it has given anything new.
func (w *watch) refresh(path string, f *file, is stamp) bool {
	content, err := load(path, is)
	if after, err := os.Stat(path); is.info != nil && (err != nil || !is.same(stamp{info: after})) {
		return false // the next look shows what it has become
	}
	var given []*found
	if unread := err != nil && !errors.Is(err, errTooLarge); unread {
		f.stamp = stamp{} // nothing about the file need change for it to become readable
	} else {
		f.stamp = is
		if err == nil {
			given, err = w.parse(path, content)
		}
	}
	if err != nil {
		if f.problem != err.Error() {
			w.log.Error().Str("file", path).Err(err).Int("components_kept", len(f.given)).Msg("manifest cannot be read")
		}
		f.problem = err.Error()
		return false
	}
	if f.problem != "" && f.read {
		w.log.Info().Str("file", path).Msg("manifest can be read again")
	}
	f.problem, f.read, f.given = "", true, given
	return true
}

var errTooLarge = errors.New("too large")

// load returns a file's content.
func load(path string, is stamp) ([]byte, error) {
	if is.err != nil {
		return nil, is.err
	}
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	content, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err == nil && len(content) > maxFile {
		return nil, fmt.Errorf("%w: %d bytes, and %d are allowed: split it into several files", errTooLarge, is.info.Size(), maxFile)
	}
	return content, err
}

// unread returns nil, or what is there and could never be read.
func (w *watch) unread(next *listing) error {
	var problems []error
	for _, path := range slices.Sorted(maps.Keys(next.failed)) {
		problems = append(problems, next.failed[path])
	}
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		if f := w.files[path]; !f.read {
			problems = append(problems, fmt.Errorf("%s could not be read yet: %s", path, f.problem))
		}
	}
	if more := len(problems) - 1; more > 0 {
		return fmt.Errorf("%w (and %d more)", problems[0], more)
	}
	return errors.Join(problems...)
}
