package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Archive is an archive that is being written.
type Archive struct {
	zip    *gzip.Writer
	tar    *tar.Writer
	redact *Redactor
	at     time.Time
	failed []string
}

// NewArchive begins an archive.
func NewArchive(out io.Writer, redact *Redactor, at time.Time) *Archive {
	zip := gzip.NewWriter(out)
	return &Archive{zip: zip, tar: tar.NewWriter(zip), redact: redact, at: at}
}

// Name is that of an archive of that time, without an ending; its documents are in a folder of that name.
func Name(at time.Time) string { return "odasync-support-" + at.UTC().Format("20060102-150405") }

// Collect adds what read returns as the JSON document name. Where it fails, the archive lacks the document and has the error.
// Its own error is that of writing the archive.
func (a *Archive) Collect(name string, read func() (any, error)) error {
	value, err := read()
	var text []byte
	if err == nil {
		text, err = encode(value)
	}
	if err != nil {
		a.Failed(name, err)
		return nil
	}
	return a.add(name, string(text))
}

// Failed records why a document is missing.
func (a *Archive) Failed(name string, err error) {
	a.failed = append(a.failed, fmt.Sprintf("%s: %v\n", name, err))
}

// Close writes the errors and ends the archive.
func (a *Archive) Close() error {
	var err error
	if len(a.failed) > 0 {
		err = a.add("errors.txt", strings.Join(a.failed, ""))
	}
	return errors.Join(err, a.tar.Close(), a.zip.Close())
}

func (a *Archive) add(name, text string) error {
	text = a.redact.Text(text)
	header := &tar.Header{Name: Name(a.at) + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: a.at}
	err := a.tar.WriteHeader(header)
	if err == nil {
		_, err = io.WriteString(a.tar, text)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// encode returns indented JSON without HTML escapes, so that the redactor sees the texts as they are.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return text.Bytes(), err
}
