package refregistry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// errClosed answers what comes after Close.
var errClosed = errors.New("the registry is closed")

// diskStore is the memory store with a file behind it. A transaction changes
// the tables in memory and joins the batch of changes that waits to be
// written; whoever comes first writes the whole batch, so that many writers
// share one commit. Nothing is answered, not even to a reader, before what it
// was taken from is on disk: a crash cannot take an answer back.
type diskStore struct {
	db   *database
	rank func(int64) uint64

	// writing is held while a batch is written. It is taken before mu.
	writing sync.Mutex

	mu      sync.RWMutex
	tables  tables
	pending *batch
	busy    bool  // a batch is being written
	lost    error // why the tables are of no use, nil as long as they are
}

// batch is what one commit writes; done and err belong to who holds writing.
type batch struct {
	changes []change
	done    bool
	err     error
}

func openDiskStore(path string, rank func(int64) uint64) (*diskStore, error) {
	db, err := openDatabase(path)
	if err != nil {
		return nil, err
	}
	d := &diskStore{db: db, rank: rank, pending: &batch{}}
	if err := d.load(); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return d, nil
}

func (d *diskStore) view(_ context.Context, fn func(*tables) error) error {
	return d.settle(d.run(d.mu.RLocker(), fn))
}

func (d *diskStore) update(_ context.Context, fn func(*tables) error) error {
	return d.settle(d.run(&d.mu, fn))
}

// run returns the batch that the function's outcome rests on, nil when all of
// it is on disk.
func (d *diskStore) run(lock sync.Locker, fn func(*tables) error) (*batch, error) {
	lock.Lock()
	defer lock.Unlock()
	if d.lost != nil {
		return nil, d.lost
	}
	outcome := fn(&d.tables)
	if len(d.pending.changes) > 0 || d.busy {
		return d.pending, outcome
	}
	return nil, outcome
}

// settle returns the outcome once the batch, and the one before it, are on
// disk. A refusal is an outcome like any other.
func (d *diskStore) settle(seen *batch, outcome error) error {
	if seen == nil {
		return outcome
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	if !seen.done {
		d.writePending()
	}
	if seen.err != nil {
		return seen.err
	}
	return outcome
}

// writePending writes the batch that waits. Its caller holds writing.
func (d *diskStore) writePending() {
	d.mu.Lock()
	b := d.pending
	if len(b.changes) == 0 {
		d.mu.Unlock()
		return
	}
	d.pending, d.busy = &batch{}, true
	d.mu.Unlock()

	b.err, b.done = d.db.write(b.changes), true

	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy = false
	if b.err != nil {
		// What has joined since then rests on what was not written.
		d.pending.err, d.pending.done = b.err, true
		d.pending = &batch{}
		d.lost = d.load()
	}
}

// Close writes nothing: all that was answered is on disk. It waits for a
// commit under way.
func (d *diskStore) Close() error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(d.lost, errClosed) {
		return nil
	}
	d.pending.err, d.pending.done = errClosed, true
	d.pending, d.lost = &batch{}, errClosed
	return d.db.close()
}

// load fills the tables from the file.
func (d *diskStore) load() error {
	labels, err1 := loadTable(d, labelKind)
	registries, err2 := loadTable(d, registryKind)
	components, err3 := loadTable(d, componentKind)
	apis, err4 := loadTable(d, apiKind)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("read registry file %s: %w", d.db.path, explain(err))
	}
	d.tables = tables{labels: labels, registries: registries, components: components, apis: apis}
	return nil
}

// loadTable fills a table with the file's rows; from then on its changes join
// the batch that waits.
func loadTable[R record[R]](d *diskStore, k kind[R]) (*memoryTable[R], error) {
	ctx := context.Background()
	t := newMemoryTable[R](d.rank)
	rows, err := d.db.conn.QueryContext(ctx, k.selectAll())
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below has what reading met
	for rows.Next() {
		var row R
		if err := rows.Scan(k.targets(&row)...); err != nil {
			return nil, fmt.Errorf("table %s: %w", k.table, err)
		}
		t.restore(row)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	last := d.db.conn.QueryRowContext(ctx, "SELECT seq FROM sqlite_sequence WHERE name = ?", k.table)
	if err := last.Scan(&t.last); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	upsert, err := d.db.statement(k.upsert())
	if err != nil {
		return nil, err
	}
	remove, err := d.db.statement(k.remove())
	if err != nil {
		return nil, err
	}
	t.onStore = func(row R) { d.pending.changes = append(d.pending.changes, change{upsert, k.values(row)}) }
	t.onRemove = func(id int64) { d.pending.changes = append(d.pending.changes, change{remove, []any{id}}) }
	return t, nil
}
