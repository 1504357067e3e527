package cli

import (
	"strings"

	"odasync/internal/component"
	"odasync/internal/event"
)

// wordTerminating is a component's field and what is said of its change.
const wordTerminating = "terminating"

// changeWords says what an event changed after the one before it.
func changeWords(before, after event.Event) []string {
	var words []string
	recreated := before.UID != "" && after.UID != "" && before.UID != after.UID
	switch {
	case after.Deleted() && before.Deleted():
	case after.Deleted():
		words = append(words, "deleted")
	case before.Deleted():
		return []string{"created again"}
	default:
		if recreated {
			words = append(words, "created anew")
		}
		for _, change := range component.Changes(before.Component, after.Component) {
			words = append(words, fieldWords(change))
		}
	}
	if len(words) == 0 {
		words = append(words, "nothing")
	}
	return words
}

// fieldWords says one change, such as: version 1.0 -> 1.1, +api orders, status Complete.
func fieldWords(change component.Change) string {
	field := strings.TrimPrefix(change.Field, "metadata.")
	if field == "deploymentStatus" {
		field = "status"
	}
	name, isAPI := strings.CutPrefix(field, "api ")
	switch api, readiness := strings.CutSuffix(name, " ready"); {
	case isAPI && change.After == component.Present:
		return "+" + field
	case isAPI && change.Before == component.Present:
		return "-" + field
	case isAPI && readiness && change.After == "true":
		return "api " + api + " ready"
	case isAPI && readiness:
		return "api " + api + " pending"
	case field == wordTerminating && change.After != "":
		return wordTerminating
	case change.After == "":
		return "-" + field
	case change.Before == "":
		return field + " " + brief(change.After)
	}
	return field + " " + brief(change.Before) + " -> " + brief(change.After)
}

// brief is a value on one line, and not the whole of a long one.
func brief(value string) string {
	const most = 60
	text := []rune(strings.Join(strings.Fields(value), " "))
	if len(text) > most {
		return strings.TrimRight(string(text[:most-1]), " ") + "…"
	}
	return string(text)
}
