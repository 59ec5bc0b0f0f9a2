package config

import (
	"fmt"
	"regexp"
)

// aliasesField is the setting of a sink that lists its earlier names.
const aliasesField = "aliases"

// checkAliases makes sure that each name leads to one sink.
func (r *reader) checkAliases(n *node, sinks []Sink) {
	owner := map[string]string{}
	for _, sink := range sinks {
		owner[sink.Name] = sink.Name
	}
	for i, sink := range sinks {
		report := r.among(layer{n.entries[i].value, join("sinks", sink.Name)})
		for j, alias := range sink.Aliases {
			field := fmt.Sprintf("%s[%d]", aliasesField, j)
			other, taken := owner[alias]
			switch {
			case !regexp.MustCompile(sinkName).MatchString(alias):
				report(field, "is no name for a sink: lower-case letters, digits and dashes, a letter or digit first, at most 63")
			case alias == sink.Name:
				report(field, "is the sink's own name: list only names that it had before")
			case taken && other == alias:
				report(field, "there is a sink of this name: an alias is a name that no sink has any more")
			case taken:
				report(field, fmt.Sprintf("is an alias of sink %s already: a name leads to one sink", other))
			default:
				owner[alias] = sink.Name
			}
		}
	}
}
