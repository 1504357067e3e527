package refregistry

import (
	order "cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "odasync/internal/refregistry/v1"
	"odasync/internal/testcheck"
)

// TestTable_MatchesAList drives a table and a plain list of rows with the same
// random operations; every way to read must agree after each.
func TestTable_MatchesAList(t *testing.T) {
	for name, rank := range map[string]func(int64) uint64{
		"by id":    func(id int64) uint64 { return uint64(id) },
		"shuffled": scatter,
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			table := newTable[v1.APIRow](rank)
			var list []v1.APIRow
			random := func(id int64) v1.APIRow {
				return v1.APIRow{
					ID: id, Registry: fmt.Sprintf("r%d", rng.IntN(2)), Component: fmt.Sprintf("c%d", rng.IntN(3)),
					Status: []string{v1.StatusPending, v1.StatusReady}[rng.IntN(2)],
				}
			}
			for last := int64(0); last < 120; {
				switch at := rng.IntN(len(list) + 1); {
				case at == len(list) || rng.IntN(2) == 0:
					row := table.Insert(random(0))
					last++
					testcheck.MustEqual(t, "inserted id", last, row.ID)
					list = append(list, row)
				case rng.IntN(2) == 0:
					list[at] = random(list[at].ID)
					table.Replace(list[at])
				default:
					table.Remove(list[at].ID)
					list = slices.Delete(list, at, at+1)
				}
				agree(t, table, list, rank)
			}
		})
	}
}

func agree(t *testing.T, table *table[v1.APIRow], list []v1.APIRow, rank func(int64) uint64) {
	t.Helper()
	inOrder := slices.SortedFunc(slices.Values(list), func(a, b v1.APIRow) int { return order.Compare(rank(a.ID), rank(b.ID)) })
	for _, sel := range []v1.Selection{{}, {First: "r1"}, {First: "r0", Second: "c2"}, {State: v1.StatusReady}, {First: "none"}} {
		want := []v1.APIRow{}
		for _, row := range inOrder {
			if (sel.First == "" || sel.First == row.Registry) && (sel.Second == "" || sel.Second == row.Component) &&
				(sel.State == "" || sel.State == row.Status) {
				want = append(want, row)
			}
		}
		for skip := 0; skip <= len(want)+1; skip += 5 {
			testcheck.MustEqual(t, "page", want[min(skip, len(want)):min(skip+5, len(want))], table.Page(sel, skip, 5))
		}
	}
	testcheck.MustEqual(t, "count", len(list), table.Count())
	oldest := map[v1.Pair]v1.APIRow{}
	for _, row := range list {
		got, _ := table.Get(row.ID)
		testcheck.MustEqual(t, "row", row, got)
		if first, ok := oldest[row.Pair()]; !ok || row.ID < first.ID {
			oldest[row.Pair()] = row
		}
	}
	for p, row := range oldest {
		found, _ := table.Find(p)
		testcheck.MustEqual(t, "id found", row.ID, found.ID)
	}
	testcheck.MustEqual(t, "pairs in the index", len(oldest), len(table.byPair))
}

func TestTable_WithoutTheRow(t *testing.T) {
	table := newTable[v1.LabelRow](scatter)
	table.Replace(v1.LabelRow{ID: 1, Key: "team"})
	table.Remove(1)
	_, got := table.Get(1)
	_, found := table.Find(v1.Pair{First: "team"})
	testcheck.MustEqual(t, "presence of a removed row", []bool{false, false}, []bool{got, found})
	testcheck.MustEqual(t, "count without rows", 0, table.Count())
}
