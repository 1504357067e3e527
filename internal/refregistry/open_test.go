package refregistry

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	database := func(name string, statements ...string) string {
		path := filepath.Join(dir, name)
		closed(t, open(t, Config{}, path))
		d, err := openDatabase(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.exec(statements...); err != nil {
			t.Fatal(err)
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	used := filepath.Join(dir, "used.db")
	open(t, Config{}, used)
	damaged := database("damaged.db")
	raw, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[4096:], bytes.Repeat([]byte{0x5a}, len(raw)-4096))

	tests := []struct{ name, path, want string }{
		{"text", file("notes.txt", "just notes"), "it is no database: name another file"},
		{"long text", file("long.txt", strings.Repeat("just notes\n", 1000)), "it is no database: name another file"},
		{"another program's", database("other.db", "PRAGMA application_id = 77"), "another program's database: name another file"},
		{"unmarked database", database("unmarked.db", "PRAGMA application_id = 0", "PRAGMA user_version = 0"), "another program's database: name another file"},
		{"newer schema", database("newer.db", "PRAGMA user_version = 2"), "its schema is version 2 and this odasync knows 1: use the odasync that wrote it"},
		{"a table missing", database("lacking.db", "DROP TABLE labels"), "no such table: labels"},
		{"damaged", file("damaged.db", string(raw)), "it is damaged: put a copy in its place"},
		{"used already", used, "another process uses it: stop that one, or name another file"},
		{"folder", dir, "its folder must exist, and this user must be able to write there"},
		{"folder missing", filepath.Join(dir, "none", "registry.db"), "its folder must exist, and this user must be able to write there"},
		{"below a file", filepath.Join(file("plain", ""), "registry.db"), "its folder must exist, and this user must be able to write there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := os.ReadFile(tt.path) // a folder has no content
			s, err := Open(Config{}, tt.path)
			if err == nil {
				closed(t, s)
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("error %q, want one that names %s and has %q", err, tt.path, tt.want)
			}
			after, _ := os.ReadFile(tt.path)
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestPathsWithOddCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "50% of #1?mode=ro&x")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "käse registry.db")
	closed(t, open(t, Config{}, path))
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
