package http

import (
	"fmt"
	"os"
	"strings"
)

// watched are files of which is known what they were like when they were looked at last.
type watched struct {
	files []string
	seen  string
}

func watch(files ...string) *watched {
	w := &watched{files: files}
	w.changed()
	return w
}

// changed tells whether they are not what they were like when they were looked at before. Ask before reading
// them: what is written meanwhile then shows the next time.
func (w *watched) changed() bool {
	var now strings.Builder
	for _, file := range w.files {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintln(&now, file, info.ModTime().UnixNano(), info.Size())
		}
	}
	before := w.seen
	w.seen = now.String()
	return w.seen != before
}
