package all

import (
	_ "embed"
	"encoding/json"
	"sync"
)

// settingsText holds the documentation comments of every struct that the configuration is read into.
// `go test ./sinks/all -update` writes it, and the tests fail when it says something else than they do.
//
//go:embed settings.json
var settingsText []byte

// Documentation returns what is said of each setting, by its [config.Setting.Key].
var Documentation = sync.OnceValue(func() map[string]string {
	docs := map[string]string{}
	if err := json.Unmarshal(settingsText, &docs); err != nil {
		panic(err) // a test reads the same file
	}
	return docs
})
