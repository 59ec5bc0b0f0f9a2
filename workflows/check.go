package workflows

import (
	"fmt"

	"github.com/consign-dev/consign"
)

// check refuses what no submission through this module's SDK would contain.
func check(in consign.Consignment) error {
	if len(in.Results) == 0 {
		return fmt.Errorf("the consignment holds no results: send {\"results\": [{\"source\", \"id\", \"data\"}]}")
	}
	if len(in.Results) > consign.MaxConsignmentResults {
		return fmt.Errorf("the consignment holds %d results, at most %d can be delivered together", len(in.Results), consign.MaxConsignmentResults)
	}
	size := 0
	seen := make(map[[2]string]int, len(in.Results))
	for i, entry := range in.Results {
		key := [2]string{entry.Source, entry.ID}
		if first, twice := seen[key]; twice {
			return fmt.Errorf("results[%d] has the source and id of results[%d]: they would have one delivery id", i, first)
		}
		seen[key] = i
		switch {
		case entry.Source == "":
			return fmt.Errorf("results[%d].source is empty", i)
		case entry.ID == "":
			return fmt.Errorf("results[%d].id is empty", i)
		case len(entry.Data) == 0:
			return fmt.Errorf("results[%d].data is missing", i)
		}
		if entry.Ack != nil {
			//workflowcheck:ignore parsing a URL is pure; what the check follows is its cache of IPv6 zones
			if err := entry.Ack.Check(); err != nil {
				return fmt.Errorf("results[%d].ack: %w", i, err)
			}
		}
		size += sizeOf(entry.Result)
	}
	if size > consign.MaxConsignmentBytes+1024 {
		return fmt.Errorf("the consignment is %d bytes, at most %d can be delivered", size, consign.MaxConsignmentBytes)
	}
	return nil
}
