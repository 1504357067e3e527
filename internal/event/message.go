package event

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"odasync/internal/component"
)

// Header keys of a message. CloudEvents attributes follow the binary mode of the NATS protocol binding 1.0.3; earlier
// versions of the binding knew the structured mode alone. There is no content-type header: it would announce that mode.
const (
	HeaderMessageID   = "Nats-Msg-Id" // JetStream's deduplication key
	HeaderSpecVersion = "ce-specversion"
	HeaderID          = "ce-id"
	HeaderSource      = "ce-source"
	HeaderType        = "ce-type"
	HeaderSubject     = "ce-subject"
	HeaderTime        = "ce-time"
	HeaderContentType = "ce-datacontenttype"
	HeaderDataSchema  = "ce-dataschema"

	HeaderHash            = "oda-hash"
	HeaderUID             = "oda-uid"
	HeaderResourceVersion = "oda-resource-version"

	// The W3C trace context, present only where the publish was traced. The names are those of the HTTP headers,
	// where programs without CloudEvents look.
	HeaderTraceParent = "traceparent"
	HeaderTraceState  = "tracestate"
)

// Values of the constant attributes.
const (
	TypeUpserted = "org.tmforum.oda.component.upserted.v1"
	TypeDeleted  = "org.tmforum.oda.component.deleted.v1"
	// DataSchema names the fields of the body, for people. The second version only adds to the first, so that the types stay and
	// either version is read by a program of the other.
	DataSchema = "urn:odasync:component:v2"
)

// Message is an event in wire form. Header keys are case-sensitive.
type Message struct {
	Subject string
	Header  map[string][]string
	Data    []byte
}

func (m *Message) get(key string) string {
	if values := m.Header[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// MessageID returns the deduplication id: a message that is published again with it is stored once.
func (m *Message) MessageID() string { return m.get(HeaderMessageID) }

// Follows returns the sequence of the message of the component that this one was published after; 0 for none.
func (m *Message) Follows() uint64 {
	_, rest, _ := strings.Cut(m.MessageID(), "/")
	expected, _, _ := strings.Cut(rest, "/")
	sequence, err := strconv.ParseUint(expected, 10, 64)
	if err != nil {
		return 0
	}
	return sequence
}

// Encode returns the wire form of an event. expected is the sequence of the last message of its subject, 0 for none; it is part
// of the id, since the same content may be published again after another.
func Encode(e Event, expected uint64) Message {
	subject := Subject(e.Key)
	kind, content := TypeUpserted, e.Hash
	if e.Deleted() {
		kind, content = TypeDeleted, "deleted"
	}
	id := subject + "/" + strconv.FormatUint(expected, 10) + "/" + content
	if e.UID != "" {
		id += "/" + e.UID
	}
	m := Message{Subject: subject, Header: map[string][]string{
		HeaderMessageID:   {id},
		HeaderSpecVersion: {"1.0"},
		HeaderID:          {id},
		HeaderSource:      {source(e.Key.Cluster)},
		HeaderType:        {kind},
		HeaderSubject:     {attribute(e.Key.Namespace + "/" + e.Key.Name)},
		HeaderTime:        {e.Time.UTC().Format(time.RFC3339Nano)},
	}}
	if e.UID != "" {
		m.Header[HeaderUID] = []string{e.UID}
	}
	if e.ResourceVersion != "" {
		m.Header[HeaderResourceVersion] = []string{e.ResourceVersion}
	}
	if e.Trace.Parent != "" {
		m.Header[HeaderTraceParent] = []string{e.Trace.Parent}
		if e.Trace.State != "" {
			m.Header[HeaderTraceState] = []string{e.Trace.State}
		}
	}
	if !e.Deleted() {
		m.Header[HeaderHash] = []string{e.Hash}
		m.Header[HeaderContentType] = []string{"application/json"}
		m.Header[HeaderDataSchema] = []string{DataSchema}
		m.Data = e.Component.Canonical()
	}
	return m
}

// source is the CloudEvents source of the watchers of a cluster.
func source(cluster string) string { return "/odasync/" + Token(cluster) }

// attribute encodes a CloudEvents attribute as a header value: spaces, quotes, percent signs and bytes that are not printable
// ASCII as %HH.
func attribute(value string) string {
	var b strings.Builder
	b.Grow(len(value))
	for i := range len(value) {
		c := value[i]
		if c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

// ErrMalformed is returned for a message that this program cannot decode.
var ErrMalformed = errors.New("malformed")

// Decode decodes an event; sequence is that of the message. Unknown headers and fields are ignored, so that a newer writer does
// not stop an older reader.
func Decode(m Message, sequence uint64) (Event, error) {
	head, err := DecodeHead(m, sequence)
	if err != nil {
		return Event{}, err
	}
	e := Event{
		Key: head.Key, Hash: head.Hash, UID: head.UID, Sequence: sequence,
		ResourceVersion: m.get(HeaderResourceVersion),
		Trace:           Trace{Parent: m.get(HeaderTraceParent), State: m.get(HeaderTraceState)},
	}
	if e.Time, err = time.Parse(time.RFC3339Nano, m.get(HeaderTime)); err != nil {
		return Event{}, fmt.Errorf("message %d of %s: header %s: %w", sequence, m.Subject, HeaderTime, err)
	}
	if head.Deleted {
		return e, nil
	}
	e.Component = new(component.Component)
	if err := json.Unmarshal(m.Data, e.Component); err != nil {
		return Event{}, fmt.Errorf("message %d of %s: body: %w", sequence, m.Subject, err)
	}
	if c := e.Component; c.Namespace != e.Key.Namespace || c.Name != e.Key.Name {
		return Event{}, fmt.Errorf("message %d of %s: body names %s/%s", sequence, m.Subject, c.Namespace, c.Name)
	}
	return e, nil
}

// DecodeHead decodes the subject and the headers of an event; the body may be missing.
func DecodeHead(m Message, sequence uint64) (Head, error) {
	key, err := ParseSubject(m.Subject)
	if err != nil {
		return Head{}, fmt.Errorf("message %d: %w", sequence, err)
	}
	h := Head{Key: key, Sequence: sequence, Hash: m.get(HeaderHash), UID: m.get(HeaderUID)}
	h.Time, _ = time.Parse(time.RFC3339Nano, m.get(HeaderTime)) // zero where it is malformed
	switch kind := m.get(HeaderType); {
	case kind == TypeDeleted:
		h.Deleted, h.Hash = true, ""
	case kind == TypeUpserted && h.Hash != "":
	case kind == TypeUpserted:
		return Head{}, fmt.Errorf("message %d of %s: header %s is missing", sequence, m.Subject, HeaderHash)
	case strings.HasPrefix(kind, "org.tmforum.oda.component."):
		return Head{}, fmt.Errorf("message %d of %s: type %s is newer than this program: upgrade it", sequence, m.Subject, kind)
	default:
		return Head{}, fmt.Errorf("message %d of %s: type %q is not a component event", sequence, m.Subject, kind)
	}
	return h, nil
}
