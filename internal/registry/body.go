package registry

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxItem is the size limit of an answer, in bytes; in a list it applies to each row.
const maxItem = 1 << 20

// lenient accepts what encoding/json accepts.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// decode decodes an item into out, unless out is nil, or a list row by row, so that a list is never in memory as a whole.
func (b *boundedBody) decode(out any, row func(*jsontext.Decoder) error) error {
	if row != nil {
		return b.decodeRows(row)
	}
	whole, err := io.ReadAll(b)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(whole, out, lenient)
}

func (b *boundedBody) decodeRows(row func(*jsontext.Decoder) error) error {
	decoder := jsontext.NewDecoder(b, lenient)
	if begin, err := decoder.ReadToken(); err != nil {
		return err
	} else if begin.Kind() != '[' {
		return errors.New("not a list")
	}
	for decoder.PeekKind() != ']' {
		b.left = maxItem
		if err := row(decoder); err != nil {
			return err
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, b) // an unread rest would keep the connection from being used again
	return err
}

// boundedBody reads a body of unknown length.
type boundedBody struct {
	from    io.Reader
	left    int   // how many bytes may follow
	failure error // the transport error, if reading ended with one
}

var errTooLong = fmt.Errorf("an item is larger than %d MiB", maxItem>>20)

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil && err != io.EOF {
		b.failure = err
	}
	return n, err
}
