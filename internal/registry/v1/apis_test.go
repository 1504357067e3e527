package v1

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/testcheck"
)

func TestPlanAPIs(t *testing.T) {
	labels := labelSet{"api-name": "a"}
	read := []wireLabel{{ID: 1, Key: "api-name", Value: "a"}}
	want := api{name: "a", url: "http://a/", specification: "http://s/", status: "ready", labels: labels}
	actual := func(id int64, change ...func(*wireAPI)) wireAPI {
		w := wireAPI{ID: id, Name: "a", URL: "http://a/", Specification: "http://s/", Status: "ready", Labels: read}
		for _, c := range change {
			c(&w)
		}
		return w
	}
	stale := func(w *wireAPI) { w.URL = "http://old/" }
	type plan struct {
		remove, change []int64
		create         int
	}
	tests := map[string]struct {
		want   []api
		actual []wireAPI
		plan   plan
	}{
		"nothing":                          {},
		"new":                              {want: []api{want}, plan: plan{create: 1}},
		"equal":                            {want: []api{want}, actual: []wireAPI{actual(5)}},
		"not wanted":                       {actual: []wireAPI{actual(5)}, plan: plan{remove: []int64{5}}},
		"another address":                  {want: []api{want}, actual: []wireAPI{actual(5, stale)}, plan: plan{change: []int64{5}}},
		"another specification":            {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Specification = "" })}, plan: plan{change: []int64{5}}},
		"another state":                    {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Status = "pending" })}, plan: plan{change: []int64{5}}},
		"a label too few":                  {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Labels = nil })}, plan: plan{change: []int64{5}}},
		"a label too many":                 {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Labels = append(w.Labels[:1:1], wireLabel{2, "x", "y"}) })}, plan: plan{change: []int64{5}}},
		"two values for a label":           {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Labels = append(w.Labels[:1:1], wireLabel{2, "api-name", "b"}) })}, plan: plan{change: []int64{5}}},
		"one label under two ids":          {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Labels = append(w.Labels[:1:1], wireLabel{2, "api-name", "a"}) })}},
		"duplicates, all equal":            {want: []api{want}, actual: []wireAPI{actual(9), actual(5), actual(7)}, plan: plan{remove: []int64{9, 7}}},
		"duplicates, a later one is right": {want: []api{want}, actual: []wireAPI{actual(5, stale), actual(7), actual(9)}, plan: plan{remove: []int64{5, 9}}},
		"duplicates, none is right":        {want: []api{want}, actual: []wireAPI{actual(7, stale), actual(5, stale)}, plan: plan{remove: []int64{7}, change: []int64{5}}},
		"renamed":                          {want: []api{want}, actual: []wireAPI{actual(5, func(w *wireAPI) { w.Name = "A" })}, plan: plan{remove: []int64{5}, create: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made := planAPIs(test.want, test.actual)
			got := plan{create: len(made.create)}
			for _, a := range made.remove {
				got.remove = append(got.remove, a.ID)
			}
			for _, c := range made.change {
				got.change = append(got.change, c.actual.ID)
			}
			testcheck.Equal(t, "plan", test.plan, got, cmp.AllowUnexported(plan{}))
		})
	}
}
