package main

import (
	"maps"
	"slices"
)

// schema is the version of the dashboard model: the last of Grafana's classic one, which version 12 writes and newer ones
// read.
const schema = 42

// board is a dashboard.
type board struct {
	name, title, about string
	variables          []variable
	rows               []row
}

// variable is chosen at the top of a dashboard.
type variable struct {
	name, label, query string
	all                string // regular expression for all of them; empty for exactly those that were found
	hidden             bool
}

// row is a heading and the panels below it, side by side.
type row struct {
	title  string
	height int
	panels []panel
}

// panel shows queries.
type panel struct {
	title, about string
	unit         string // a unit of Grafana
	stat         bool   // the last value, large; otherwise lines over time
	steps        []step // colours by value; none for lines in colours of their own
	texts        map[string]string
	queries      []query
}

// step is the colour from a value on.
type step struct {
	from  float64
	color string
}

// query is one question; legend names its answers.
type query struct{ expr, legend string }

// Steps that several panels have.
var (
	zeroIsGood = []step{{0, "green"}, {1, "red"}}
	oneIsGood  = []step{{0, "red"}, {1, "green"}}
)

// limit colours a value that is too high.
func limit(warn, bad float64) []step { return []step{{0, "green"}, {warn, "orange"}, {bad, "red"}} }

type object = map[string]any

var source = object{"type": "prometheus", "uid": "${datasource}"}

// model is the dashboard as Grafana reads it.
func (b board) model() object {
	var panels []object
	y := 0
	add := func(p object, width, height, x int) {
		p["id"], p["gridPos"] = len(panels)+1, object{"x": x, "y": y, "w": width, "h": height}
		panels = append(panels, p)
	}
	for _, r := range b.rows {
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 24, 1, 0)
		y++
		width := 24 / len(r.panels)
		for i, p := range r.panels {
			add(p.model(), width, r.height, i*width)
		}
		y += r.height
	}
	variables := []object{{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": object{}, "hide": 0,
		"includeAll": false, "multi": false, "options": []object{}, "refresh": 1, "regex": "",
	}}
	for _, v := range b.variables {
		variables = append(variables, v.model())
	}
	return object{
		"uid": "odasync-" + b.name, "title": b.title, "description": b.about, "tags": []string{"odasync"},
		"schemaVersion": schema, "version": 1, "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "",
		"time": object{"from": "now-1h", "to": "now"}, "templating": object{"list": variables}, "panels": panels,
		"annotations": object{"list": []object{}},
		"links": []object{{
			"type": "dashboards", "title": "odasync", "tags": []string{"odasync"}, "asDropdown": true, "keepTime": true, "includeVars": true,
		}},
	}
}

func (v variable) model() object {
	hide := 0
	if v.hidden {
		hide = 2
	}
	m := object{
		"name": v.name, "label": v.label, "type": "query", "datasource": source, "definition": v.query,
		"query": object{"query": v.query, "refId": "variable-" + v.name}, "refresh": 2, "regex": "", "sort": 1, "hide": hide,
		"multi": true, "includeAll": true, "options": []object{}, "current": object{"text": []string{"All"}, "value": []string{"$__all"}},
	}
	if v.all != "" {
		m["allValue"] = v.all
	}
	return m
}

func (p panel) model() object {
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend, "range": !p.stat, "instant": p.stat,
			"editorMode": "code",
		})
	}
	color, steps, thresholds := object{"mode": "palette-classic"}, []object{{"color": "green", "value": nil}}, "off"
	if len(p.steps) > 0 {
		steps = nil
		for i, s := range p.steps {
			from := any(s.from)
			if i == 0 {
				from = nil // from the least
			}
			steps = append(steps, object{"color": s.color, "value": from})
		}
		thresholds = "dashed"
	}
	if p.stat {
		color = object{"mode": "thresholds"}
	}
	mappings := []object{}
	for _, value := range slices.Sorted(maps.Keys(p.texts)) {
		mappings = append(mappings, object{"type": "value", "options": object{value: object{"text": p.texts[value], "index": len(mappings)}}})
	}
	defaults := object{
		"unit": p.unit, "min": 0, "color": color, "thresholds": object{"mode": "absolute", "steps": steps}, "mappings": mappings,
	}
	m := object{
		"title": p.title, "description": p.about, "datasource": source, "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}},
	}
	if p.stat {
		m["type"] = "stat"
		m["options"] = object{
			"colorMode": "background", "graphMode": "none", "textMode": "auto",
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		}
		return m
	}
	m["type"] = "timeseries"
	defaults["custom"] = object{"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "thresholdsStyle": object{"mode": thresholds}}
	m["options"] = object{
		"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
	return m
}
