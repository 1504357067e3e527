package manifests

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listing is the result of a scan of the folder.
type listing struct {
	files   map[string]stamp // the manifests by path
	folders []string         // all that could be listed
	failed  map[string]error // folders and links that could not be followed
}

// stamp identifies the state of a file without reading it.
type stamp struct {
	info fs.FileInfo // of the target of a link; nil if it has none
	err  error
}

func (s stamp) same(other stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return os.SameFile(s.info, other.info) && s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

// Files returns the manifests of a folder and its subfolders, in the order of their paths.
func Files(dir string) ([]string, error) {
	l, err := list(dir)
	if err != nil {
		return nil, err
	}
	problems := slices.Collect(maps.Values(l.failed))
	return slices.Sorted(maps.Keys(l.files)), errors.Join(problems...)
}

// list returns an error only if the folder itself cannot be listed.
func list(dir string) (*listing, error) {
	root, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	l := &listing{files: map[string]stamp{}, failed: map[string]error{}}
	return l, l.walk(dir, []fs.FileInfo{root})
}

// walk lists a folder. above are its parents and itself.
func (l *listing) walk(dir string, above []fs.FileInfo) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	l.folders = append(l.folders, dir)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		mayLead := entry.IsDir() || entry.Type()&fs.ModeSymlink != 0
		if isLeftover(path) || !mayLead && !isManifest(path) {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil && isManifest(path) && !entry.IsDir():
			l.files[path] = stamp{err: err}
		case err != nil:
			l.failed[path] = err
		case info.IsDir():
			back := slices.ContainsFunc(above, func(folder fs.FileInfo) bool { return os.SameFile(folder, info) })
			if back { // a link to a parent
				continue
			}
			if err := l.walk(path, append(above, info)); err != nil {
				l.failed[path] = err
			}
		case info.Mode().IsRegular() && isManifest(path): // opening a pipe waits for a writer
			l.files[path] = stamp{info: info}
		}
	}
	return nil
}

// equal reports whether two scans have the same result.
func (l *listing) equal(earlier *listing) bool {
	return maps.EqualFunc(l.files, earlier.files, stamp.same) && slices.Equal(l.folders, earlier.folders) &&
		maps.EqualFunc(l.failed, earlier.failed, func(error, error) bool { return true })
}

// lacks reports whether the file is known to be missing.
func (l *listing) lacks(path string) bool {
	_, there := l.files[path]
	for folder := range l.failed {
		there = there || strings.HasPrefix(path, folder+string(filepath.Separator))
	}
	return !there
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path))) && !isLeftover(path)
}

// isLeftover reports whether the name is hidden or that of an editor's temporary file. Names that end in ~, .swp or .tmp do not
// have the extension of a manifest.
func isLeftover(path string) bool {
	return strings.ContainsRune(".#~", rune(filepath.Base(path)[0]))
}
