package refregistry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// brokenStore fails every transaction, as a database on a full disk does.
type brokenStore struct{}

var errDisk = errors.New("disk is full")

func (brokenStore) view(context.Context, func(*tables) error) error   { return errDisk }
func (brokenStore) update(context.Context, func(*tables) error) error { return errDisk }

func TestFailingStore(t *testing.T) {
	var log bytes.Buffer
	s, c := start(t, Config{Log: zerolog.New(zerolog.SyncWriter(&log))})
	seed(c)
	s.store = brokenStore{}
	for _, rt := range s.routes() {
		if rt.path == "/health" {
			continue
		}
		body := map[bool]string{true: validBody(rt.fields), false: ""}[rt.fields != nil]
		got := c.do(rt.method, strings.ReplaceAll(rt.path, "{id}", "1"), body)
		if got.status != 500 || got.body != "Internal Server Error" {
			t.Errorf("%s %s: answer %d %s, want a bare 500", rt.method, rt.path, got.status, got.body)
		}
	}
	must[any](c, 200, "GET", "/health", "")
	same(t, 0, len(s.Snapshot().Components))
	if n := strings.Count(log.String(), errDisk.Error()); n != len(s.routes()) {
		t.Errorf("the log has the error %d times, want once for each of %d operations but health, and for the snapshot", n, len(s.routes()))
	}
}

func validBody(fields []field) string {
	var properties []string
	for _, f := range fields {
		value := `"text"`
		switch f.kind {
		case enum:
			value = `"` + f.values[0] + `"`
		case integers:
			value = `[1]`
		}
		properties = append(properties, `"`+f.name+`":`+value)
	}
	return "{" + strings.Join(properties, ",") + "}"
}

func TestClientThatLeavesInTheMiddleOfItsBody(t *testing.T) {
	s, c := start(t, Config{RecordHistory: true})
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /labels/ HTTP/1.1\r\nHost: registry\r\nContent-Length: %d\r\n\r\n%s", len(newLabel)+1, newLabel); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(conn); len(answer) != 0 { // the connection's end is what is waited for
		t.Errorf("answer %q, want none", answer)
	}
	same(t, 0, len(s.Snapshot().Labels))
	must[any](c, 201, "POST", "/labels/", newLabel)
}
