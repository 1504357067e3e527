package manifests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"odasync/internal/component"
)

// maxFile is the size limit of a file, enough for some thousand Components.
const maxFile = 8 << 20

// maxDifferences is the number of scans in a row that may differ before those files count that do agree: a file that changes all
// the time delays the others no longer than this.
const maxDifferences = 10

// file is the state of a manifest file.
type file struct {
	stamp      stamp // when it was read last; zero to read it again
	read       bool  // successfully at least once
	components []*found
	problem    string // of the last attempt
	text       []byte // of the last attempt, while there is a problem; empty if it is unknown
}

// folderWatch is one call of Watch.
type folderWatch struct {
	source   *Source
	to       component.Observer
	notifier *fsnotify.Watcher // nil if the system sends no notifications

	last          *listing // nil if the folder could not be listed
	differences   int      // scans in a row that differed
	failure       string   // of the folder, as logged
	notifyFailure string   // to subscribe to a folder, as logged

	generation uint64
	begun      bool
	ended      bool
	logged     bool // that the manifests were read
	reported   map[component.Key]*found
	reread     bool         // an unreadable file has another text
	unreadable []Unreadable // as of the last resync
}

// scan reads and reports what has changed. settled is false if another scan is needed soon.
func (w *folderWatch) scan(ctx context.Context) (settled bool, err error) {
	now := time.Now()
	next, err := list(w.source.dir)
	if err != nil {
		w.last = nil
		err = fmt.Errorf("%w: nothing is deleted until the folder can be listed", err)
		w.source.setMissing(err)
		if w.failure != err.Error() {
			w.failure = err.Error()
			w.source.log.Warn().Str("folder", w.source.dir).Err(err).Msg("folder cannot be listed, retrying")
		}
		return true, nil
	}
	if w.failure != "" {
		w.failure = ""
		w.source.log.Info().Str("folder", w.source.dir).Msg("folder can be listed again")
	}
	w.watchFolders(next.folders)
	last := w.last
	w.last = next
	if last == nil {
		return false, nil
	}
	settled = next.equal(last)
	if w.differences++; settled {
		w.differences = 0
	} else if w.differences < maxDifferences {
		return false, nil
	}
	changed := w.readChanges(ctx, next, last)
	unreadable := w.source.unreadableIn(next)
	if w.reread || !slices.Equal(unreadable, w.unreadable) { // what is absent depends on it
		w.beginResync()
		w.reread, w.unreadable = false, unreadable
	}
	if changed || !w.ended {
		if err := w.report(ctx, now, w.source.unknown(next)); err != nil {
			return false, err
		}
	}
	w.source.scanned(now, unreadable)
	return settled, nil
}

// watchFolders subscribes to notifications of every folder, each time, since a folder may have been replaced.
func (w *folderWatch) watchFolders(folders []string) {
	if w.notifier == nil {
		return
	}
	for _, folder := range folders {
		if err := w.notifier.Add(folder); err != nil && w.notifyFailure != err.Error() {
			w.notifyFailure = err.Error()
			w.source.log.Warn().Err(err).Str("folder", folder).Dur("every", w.source.Tuning.Poll).Msg("no change notifications for this folder, polling")
		}
	}
}

// readChanges reads the changed files on which both scans agree, and removes those that both lack.
func (w *folderWatch) readChanges(ctx context.Context, next, last *listing) (changed bool) {
	for path, is := range next.files {
		if w.source.files[path] == nil {
			w.source.files[path] = &file{problem: "it is still being written"}
		}
		f := w.source.files[path]
		if was, there := last.files[path]; !there || !is.same(was) || f.stamp.info != nil && f.stamp.same(is) || ctx.Err() != nil {
			continue
		}
		changed = w.readFile(path, f, is) || changed
	}
	for path := range w.source.files {
		if next.lacks(path) && last.lacks(path) {
			delete(w.source.files, path)
			changed = true
		}
	}
	return changed
}

// readFile reads a file and returns whether its Components changed.
func (w *folderWatch) readFile(path string, f *file, is stamp) bool {
	content, err := load(path, is)
	if after, err := os.Stat(path); is.info != nil && (err != nil || !is.same(stamp{info: after})) {
		return false // the next scan has the new state
	}
	var given []*found
	if unread := err != nil && !errors.Is(err, errTooLarge); unread {
		f.stamp = stamp{} // the file may become readable without a change
	} else {
		f.stamp = is
		if err == nil {
			given, err = w.source.parse(path, content)
		}
	}
	if err != nil {
		w.reread = w.reread || !bytes.Equal(f.text, content)
		f.text = content
		if f.problem != err.Error() {
			w.source.metrics.malformed.Inc()
			w.source.log.Error().Str("file", path).Err(err).Int("components_kept", len(f.components)).Msg("manifest cannot be read")
		}
		f.problem = err.Error()
		return false
	}
	if f.problem != "" && f.read {
		w.source.log.Info().Str("file", path).Msg("manifest can be read again")
	}
	f.problem, f.text, f.read, f.components = "", nil, true, given
	return true
}

var errTooLarge = errors.New("too large")

// load returns the content of a file.
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
