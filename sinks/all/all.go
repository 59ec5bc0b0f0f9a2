// Package all lists the kinds of sinks that Consign has.
package all

import (
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/stdout"
)

// Kinds returns every kind, in the order in which they are shown. A new kind is one line here.
func Kinds() []config.Kind {
	return []config.Kind{
		file.Kind(),
		stdout.Kind(),
	}
}
