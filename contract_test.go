package consign_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
)

// contractPage is what those read who have not read the code.
const contractPage = "contract.md"

func TestContract_EachExample_IsValidAndHasNoUnknownField(t *testing.T) {
	t.Parallel()
	compiled := schemas(t)
	shown := map[string]bool{}
	for _, example := range regexp.MustCompile("(?s)<!-- schema: (\\S+) -->\n```json\n(.*?)\n```").FindAllStringSubmatch(readDocument(t, contractPage), -1) {
		name, text := example[1], []byte(example[2])
		require.NoError(t, validate(t, compiled[name], text), "%s", text)
		readJSON(t, text, reflect.TypeOf(contract()[name]))
		shown[name] = true
	}
	require.Contains(t, readDocument(t, contractPage), `"delivery_id": "`+consign.DeliveryID("scanner", "finding-4711", "partner")+`"`)
	for name := range contract() {
		if name != "result" && name != "attempt" { // which stand in others
			require.True(t, shown[name], "no example of %s", name)
		}
	}
	require.Equal(t, strings.Count(readDocument(t, contractPage), "```json"), strings.Count(readDocument(t, contractPage), "<!-- schema: "), "each JSON example names its schema")
}

func TestContract_ConfigurationExamples_AreRead(t *testing.T) {
	t.Parallel()
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)\n```").FindAllStringSubmatch(readDocument(t, contractPage), -1)
	require.NotEmpty(t, examples)
	for _, example := range examples {
		_, err := config.Parse("consign.yaml", []byte(example[1]), all.Kinds(), func(string) (string, bool) { return "", false })
		require.NoError(t, err, "%s", example[1])
	}
}

func TestContract_TestVectors_AreWhatTheCodeMakes(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(cells []string){
		"workflow id": func(cells []string) {
			require.Equal(t, cells[2], consign.WorkflowID(unquote(t, cells[0]), unquote(t, cells[1])))
		},
		"digest": func(cells []string) {
			require.Equal(t, cells[1], consign.Digest([]byte(cells[0])), "%s", cells[0])
		},
		"delivery id": func(cells []string) {
			require.Equal(t, cells[3], consign.DeliveryID(unquote(t, cells[0]), unquote(t, cells[1]), cells[2]))
		},
	} {
		rows := vectors(t, name)
		require.NotEmpty(t, rows)
		for _, row := range rows {
			check(row)
		}
	}
}

// vectors are the rows of the table under "<!-- vectors: name -->", each cell without its backticks.
func vectors(t *testing.T, name string) [][]string {
	t.Helper()
	_, after, found := strings.Cut(readDocument(t, contractPage), "<!-- vectors: "+name+" -->\n")
	require.True(t, found, name)
	var rows [][]string
	for line := range strings.Lines(after) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), " | ") {
			row = append(row, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		if len(row) > 1 && strings.Contains(line, "`") {
			rows = append(rows, row)
		}
	}
	return rows
}

func unquote(t *testing.T, text string) string {
	t.Helper()
	var plain string
	require.NoError(t, json.Unmarshal([]byte(text), &plain), "%s", text)
	return plain
}

func TestContract_NamesAndLimits_AreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	page := readDocument(t, contractPage)
	names := append([]string{
		consign.TaskQueue, consign.SinkQueue("<sink>"), consign.DeliverWorkflow, consign.DeadLetterWorkflow,
		consign.FirstAttemptsUpdate, consign.RetryNowUpdate, consign.ParkNowUpdate, consign.NothingWaits,
		consign.ReplaySignal, consign.DiscardSignal, consign.RecordQuery, consign.AckSignal, consign.DigestMemo, consign.HeaderMemo,
		consign.RouteActivity, consign.DeliverActivity, consign.ParkActivity, consign.AckActivity, consign.IncidentType,
		consign.StateRetrying, consign.StateParked, consign.StateReplayed, consign.StateDiscarded, config.AckSink,
		string(consign.Delivered), string(consign.Parked), string(consign.Dropped), string(consign.Rejected), string(consign.Unmatched),
	}, consign.SearchAttributes()...)
	for _, name := range names {
		require.Contains(t, page, "`"+name+"`")
	}
	require.Equal(t, 1<<20, consign.MaxConsignmentBytes, "the page says 1 MiB")
	require.Equal(t, 24*time.Hour, consign.MaxSpread, "the page says a day")
	require.Equal(t, 1024, consign.MaxConsignmentResults, "the page says 1,024")
}
