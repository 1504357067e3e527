package refregistry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The marks of a registry's file: its purpose ("ODAr") and its schema's version.
const (
	applicationID = 0x4F444172
	schemaVersion = 1
)

// database is the file: one connection, which holds the file's exclusive lock
// from open to close. Its user serialises the calls.
type database struct {
	path string
	pool *sql.DB
	conn *sql.Conn

	statements map[string]*sql.Stmt // by their text
}

// change is one statement that a transaction on the tables came to.
type change struct {
	statement *sql.Stmt
	args      []any
}

// openDatabase opens a registry's file or makes one. A file of any other
// content is refused and left as it was.
func openDatabase(path string) (*database, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open registry file %s: %w", path, err)
	}
	// As a URI, no character of the path is taken for an option.
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: absolute}).String())
	if err != nil {
		return nil, fmt.Errorf("open registry file %s: %w", path, err)
	}
	d := &database{path: path, pool: pool, statements: map[string]*sql.Stmt{}}
	if d.conn, err = pool.Conn(context.Background()); err == nil {
		err = d.prepare()
	}
	if err != nil {
		_ = d.close() // nothing was written
		return nil, fmt.Errorf("open registry file %s: %w", path, explain(err))
	}
	return d, nil
}

// prepare locks the file, looks whose it is and makes the tables in a new one.
// A restarted process may find its predecessor still closing: it waits a little.
func (d *database) prepare() error {
	if err := d.exec("PRAGMA busy_timeout = 2000", "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	var purpose, version, tables int
	row := d.conn.QueryRowContext(context.Background(), `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`)
	if err := row.Scan(&purpose, &version, &tables); err != nil {
		return err
	}
	switch {
	case purpose == 0 && version == 0 && tables == 0:
		mark := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion)
		if err := d.exec(schema, mark); err != nil {
			return err
		}
	case purpose != applicationID:
		return errors.New("it is another program's database: name another file")
	case version != schemaVersion:
		return fmt.Errorf("its schema is version %d and this odasync knows %d: use the odasync that wrote it, or name another file",
			version, schemaVersion)
	}
	// FULL syncs each commit to the disk, so that a power cut loses nothing either.
	return d.exec("COMMIT", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
}

func (d *database) exec(statements ...string) error {
	for _, statement := range statements {
		if _, err := d.conn.ExecContext(context.Background(), statement); err != nil {
			return err
		}
	}
	return nil
}

// statement prepares each text once.
func (d *database) statement(text string) (*sql.Stmt, error) {
	if prepared, ok := d.statements[text]; ok {
		return prepared, nil
	}
	prepared, err := d.conn.PrepareContext(context.Background(), text)
	if err == nil {
		d.statements[text] = prepared
	}
	return prepared, err
}

// write makes all changes in one transaction.
func (d *database) write(changes []change) error {
	err := d.exec("BEGIN IMMEDIATE")
	for _, c := range changes {
		if err == nil {
			_, err = c.statement.ExecContext(context.Background(), c.args...)
		}
	}
	if err == nil {
		err = d.exec("COMMIT")
	}
	if err != nil {
		_ = d.exec("ROLLBACK") // of a transaction that some errors have ended already
		return fmt.Errorf("write registry file %s: %w", d.path, explain(err))
	}
	return nil
}

// close closes the statements first: SQLite keeps the file as long as one is open.
func (d *database) close() error {
	var problems []error
	for _, statement := range d.statements {
		problems = append(problems, statement.Close())
	}
	if d.conn != nil {
		problems = append(problems, d.conn.Close())
	}
	if err := errors.Join(append(problems, d.pool.Close())...); err != nil {
		return fmt.Errorf("close registry file %s: %w", d.path, err)
	}
	return nil
}

// explain adds what a person can do about an error of SQLite.
func explain(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return err
	}
	remedies := map[int]string{
		sqlite3.SQLITE_BUSY:     "another process uses it: stop that one, or name another file",
		sqlite3.SQLITE_NOTADB:   "it is no database: name another file",
		sqlite3.SQLITE_CANTOPEN: "its folder must exist, and this user must be able to write there",
		sqlite3.SQLITE_READONLY: "this user must be able to write it and its folder",
		sqlite3.SQLITE_CORRUPT:  "it is damaged: put a copy in its place, or start with a new file, which the syncer fills again",
		sqlite3.SQLITE_FULL:     "the disk is full: make room",
		sqlite3.SQLITE_IOERR:    "the disk does not work, or is full",
	}
	if remedy := remedies[failure.Code()&0xff]; remedy != "" {
		return fmt.Errorf("%s (%w)", remedy, err)
	}
	return err
}
