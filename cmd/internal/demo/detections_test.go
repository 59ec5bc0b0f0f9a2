package demo

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDetections_AreManyAndVaried(t *testing.T) {
	t.Parallel()
	results, err := detections()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(results), 100)
	seen, titles, types, levels := map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, result := range results {
		require.False(t, seen[result.ID], "id %s stands there twice", result.ID)
		seen[result.ID] = true
		types[result.Type]++
		var data struct {
			Title       string `json:"rule_title"`
			Level       string `json:"level"`
			Matched     []any  `json:"matched_fields"`
			Correlation string `json:"correlation_type"`
			Group       []any  `json:"group_key"`
		}
		require.NoError(t, json.Unmarshal(result.Data, &data), result.ID)
		titles[data.Title], levels[data.Level] = true, true
		if result.Type == "correlation" {
			require.NotEmpty(t, data.Correlation, result.ID)
			require.NotEmpty(t, data.Group, result.ID)
		} else {
			require.NotEmpty(t, data.Matched, result.ID)
		}
	}
	require.Greater(t, len(titles), 60)
	require.Len(t, levels, 4)
	require.Greater(t, types["detection"], 80)
	require.Greater(t, types["correlation"], 10)
}

// The verdict compares bytes, and submission takes white space out.
func TestDetections_AreWrittenWithoutWhiteSpace(t *testing.T) {
	t.Parallel()
	results, err := detections()
	require.NoError(t, err)
	for _, result := range results {
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, result.Data))
		require.Equal(t, compact.String(), string(result.Data))
	}
}

func TestFaults_SomeHeal_AFewNever_AndMostAreTaken(t *testing.T) {
	t.Parallel()
	results, err := detections()
	require.NoError(t, err)
	var healthy, passing, stubborn, refused int
	for _, result := range results {
		switch fault := faultOf(result.ID); {
		case fault.status == http.StatusUnprocessableEntity:
			refused++
		case fault.tries == untilHealed:
			stubborn++
		case fault.tries > 0:
			require.LessOrEqual(t, fault.tries, 2, "the retries must suffice")
			passing++
		default:
			healthy++
		}
	}
	require.InDelta(t, 20, passing, 10)
	require.InDelta(t, 5, stubborn, 2)
	require.InDelta(t, 1, refused, 1)
	require.NotZero(t, refused)
	require.Greater(t, healthy, len(results)/2)
}
