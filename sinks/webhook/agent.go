package webhook

import (
	"runtime/debug"
	"strings"
)

const module = "github.com/consign-dev/consign"

// userAgent is consign/ and the version of this module, or consign/dev if it was built from a
// checkout.
func userAgent() string {
	version := "dev"
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(build.Deps, &build.Main) {
			if m.Path == module && m.Version != "" && m.Version != "(devel)" {
				version = strings.TrimPrefix(m.Version, "v")
			}
		}
	}
	return "consign/" + version
}
