package page

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

const (
	barWidth    = 4
	sparkHeight = 24
)

// bar is one minute of a sparkline: what was delivered stands below what failed.
type bar struct{ X, DeliveredY, Delivered, FailedY, Failed int }

// sparkline is a small picture of the last minutes.
type sparkline struct {
	Width, Height int
	Bars          []bar
	// Label says the same in words.
	Label string
}

// spark draws counts by minute, the oldest first. Its height is that of the busiest minute.
func spark(delivered, failed []int64) sparkline {
	minutes := max(len(delivered), len(failed))
	s := sparkline{Width: minutes * barWidth, Height: sparkHeight}
	at := func(counts []int64, i int) int64 {
		if i -= minutes - len(counts); i < 0 {
			return 0
		}
		return counts[i]
	}
	var most, taken, refused int64
	for i := range minutes {
		d, f := at(delivered, i), at(failed, i)
		most, taken, refused = max(most, d+f), taken+d, refused+f
	}
	for i := range minutes {
		d, f := height(at(delivered, i), most), height(at(failed, i), most)
		d = min(d, sparkHeight-f) // rounding up may make one too many
		s.Bars = append(s.Bars, bar{X: i * barWidth, Delivered: d, DeliveredY: sparkHeight - d, Failed: f, FailedY: sparkHeight - d - f})
	}
	s.Label = fmt.Sprintf("last %d minutes: %s delivered, %s failed attempts, at most %s in a minute",
		minutes, humanize.Comma(taken), humanize.Comma(refused), humanize.Comma(most))
	return s
}

// height of a count: what is not nothing is seen.
func height(count, most int64) int {
	if count == 0 {
		return 0
	}
	return max(1, int(count*sparkHeight/most))
}
