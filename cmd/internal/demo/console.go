package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/stdout"
)

// console is standard output in miniature: the demo's screen belongs to its table, so a stdout sink
// writes here, and the table shows the last line of it.
type console struct {
	mu    sync.Mutex
	taken []kept
}

// Write takes whole lines, which is how a stdout sink writes.
func (c *console) Write(lines []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range bytes.Lines(lines) {
		var result consign.Result
		if err := json.Unmarshal(line, &result); err != nil {
			return 0, err
		}
		c.taken = append(c.taken, kept{result: result})
	}
	return len(lines), nil
}

// show returns what was taken, in its order.
func (c *console) show() []kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.taken)
}

// onConsole are the settings of a stdout sink that writes to a console.
type onConsole struct {
	config.Settings
	console *console
}

// Open returns the sink.
func (s onConsole) Open(context.Context, string) (sinks.Sink, error) {
	return stdout.NewWriter("the demo's console", s.console), nil
}
