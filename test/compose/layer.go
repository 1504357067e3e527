package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// layer is the content of an image, as a stream.
type layer struct{ *tar.Writer }

func (l *layer) folder(name string, mode int64) error {
	return l.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func (l *layer) text(name, content string) error {
	if err := l.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := io.WriteString(l, content)
	return err
}

func (l *layer) link(name, target string) error {
	return l.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

// file copies a file with its permissions.
func (l *layer) file(name, source string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(info.Mode().Perm() | 0o444), Size: info.Size()}
	if err := l.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(l, file)
	return err
}

// tree copies a folder.
func (l *layer) tree(name, source string) error {
	return filepath.WalkDir(source, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		target := path.Join(name, filepath.ToSlash(inside))
		switch {
		case entry.IsDir():
			return l.folder(target, 0o755)
		case entry.Type().IsRegular():
			return l.file(target, file)
		}
		return fmt.Errorf("%s is neither a file nor a folder", file)
	})
}

// busybox adds busybox under the names of programs.
func (l *layer) busybox(programs ...string) error {
	if err := l.file("bin/busybox", "/bin/busybox"); err != nil {
		return fmt.Errorf("%w: install a static busybox (Debian: apt-get install busybox-static)", err)
	}
	for _, program := range programs {
		if err := l.link("bin/"+program, "busybox"); err != nil {
			return err
		}
	}
	return nil
}
