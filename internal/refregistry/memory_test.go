package refregistry

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestMemoryTableAgainstAList drives a table and a plain list of rows with the
// same random operations; every way to read must agree after each.
func TestMemoryTableAgainstAList(t *testing.T) {
	for name, rank := range map[string]func(int64) uint64{
		"by id":    func(id int64) uint64 { return uint64(id) },
		"shuffled": scatter,
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			table := newMemoryTable[apiRow](rank)
			var list []apiRow
			random := func(id int64) apiRow {
				return apiRow{
					ID: id, Registry: fmt.Sprintf("r%d", rng.IntN(2)), Component: fmt.Sprintf("c%d", rng.IntN(3)),
					Status: apiStatuses[rng.IntN(2)],
				}
			}
			for last := int64(0); last < 120; {
				switch at := rng.IntN(len(list) + 1); {
				case at == len(list) || rng.IntN(2) == 0:
					row, err := table.insert(random(0))
					last++
					if err != nil || row.ID != last {
						t.Fatalf("inserted id %d, %v; want %d", row.ID, err, last)
					}
					list = append(list, row)
				case rng.IntN(2) == 0:
					list[at] = random(list[at].ID)
					if err := table.replace(list[at]); err != nil {
						t.Fatal(err)
					}
				default:
					if err := table.remove(list[at].ID); err != nil {
						t.Fatal(err)
					}
					list = slices.Delete(list, at, at+1)
				}
				agree(t, table, list, rank)
			}
		})
	}
}

func agree(t *testing.T, table *memoryTable[apiRow], list []apiRow, rank func(int64) uint64) {
	t.Helper()
	inOrder := slices.SortedFunc(slices.Values(list), func(a, b apiRow) int { return cmp.Compare(rank(a.ID), rank(b.ID)) })
	for _, sel := range []selection{{}, {first: "r1"}, {first: "r0", second: "c2"}, {state: statusReady}, {first: "none"}} {
		want := []apiRow{}
		for _, row := range inOrder {
			if (sel.first == "" || sel.first == row.Registry) && (sel.second == "" || sel.second == row.Component) &&
				(sel.state == "" || sel.state == row.Status) {
				want = append(want, row)
			}
		}
		for skip := 0; skip <= len(want)+1; skip += 5 {
			page, err := table.page(sel, skip, 5)
			if err != nil {
				t.Fatal(err)
			}
			same(t, want[min(skip, len(want)):min(skip+5, len(want))], page)
		}
	}
	if n, err := table.count(); err != nil || n != len(list) {
		t.Fatalf("count is %d, %v; want %d", n, err, len(list))
	}
	oldest := map[pair]apiRow{}
	for _, row := range list {
		got, err := table.get(row.ID)
		if err != nil {
			t.Fatal(err)
		}
		same(t, row, got)
		if first, ok := oldest[row.pair()]; !ok || row.ID < first.ID {
			oldest[row.pair()] = row
		}
	}
	for p, row := range oldest {
		found, err := table.find(p)
		if err != nil {
			t.Fatal(err)
		}
		same(t, row.ID, found.ID)
	}
	if len(table.byPair) != len(oldest) {
		t.Fatalf("the index has %d pairs, want %d", len(table.byPair), len(oldest))
	}
}

func TestMemoryTableWithoutTheRow(t *testing.T) {
	table := newMemoryTable[labelRow](scatter)
	_, missing := table.get(1)
	_, unknown := table.find(pair{"team", "blue"})
	for name, err := range map[string]error{
		"get": missing, "find": unknown, "replace": table.replace(labelRow{ID: 1}), "remove": table.remove(1),
	} {
		if err != errNoRow {
			t.Errorf("%s: error %v, want errNoRow", name, err)
		}
	}
}

func TestTimestamp(t *testing.T) {
	east := time.FixedZone("east", 3600)
	tests := []struct {
		in   time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05"},
		{time.Date(2026, 1, 2, 3, 4, 5, 120_000_999, time.UTC), "2026-01-02T03:04:05.120000"},
		{time.Date(2026, 1, 2, 0, 30, 0, 1000, east), "2026-01-01T23:30:00.000001"},
	}
	for _, tt := range tests {
		same(t, tt.want, timestamp(tt.in))
	}
}
