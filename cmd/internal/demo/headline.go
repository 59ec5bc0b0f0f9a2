package demo

import (
	"encoding/json"

	"github.com/consign-dev/consign"
)

// headline is a result in a few words, short enough for one line of a terminal.
func headline(result consign.Result) string {
	if result.ID == "" {
		return ""
	}
	var data struct {
		Title string `json:"rule_title"`
		Level string `json:"level"`
	}
	_ = json.Unmarshal(result.Data, &data) // what is not there is not shown
	line := []rune(result.ID + " " + data.Level + " " + data.Title)
	const width = 60
	if len(line) > width {
		line = append(line[:width-1], '…')
	}
	return string(line)
}
