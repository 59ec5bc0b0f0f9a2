package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
)

// router is what routes by a configuration.
func router(t *testing.T, yaml string) (*activities.Activities, *prometheus.Registry) {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(yaml), all.Kinds(), func(string) (string, bool) { return "hunter2-hunter2", true })
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	a := &activities.Activities{Metrics: activities.NewMetrics(registry)}
	a.Use(&activities.Current{Config: c})
	return a, registry
}

// counted is the value of a counter without labels.
func counted(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

func withData(data ...string) []consign.Result {
	results := make([]consign.Result, len(data))
	for i, one := range data {
		results[i] = consign.Result{Source: "test", ID: fmt.Sprint(i), Data: []byte(one)}
	}
	return results
}

func TestRoute_OfSeveralResults_EachLegHasThoseThatItsSinkWants(t *testing.T) {
	t.Parallel()
	a, registry := router(t, `
sinks:
  high: {stdout: {}, when: data.n > 2}
  low: {stdout: {}, when: data.n < 2}
  other: {stdout: {}, when: type == "other"}
  all: {stdout: {}, when: data.n < 100}
`)
	route, err := a.Route(t.Context(), activities.RouteInput{Results: withData(`{"n":1}`, `{"n":3}`, `{"n":2}`, `{"n":0.5}`, `{"n":200}`)})
	require.NoError(t, err)
	got := map[string][]int{}
	for _, leg := range route.Legs {
		require.Empty(t, leg.Undecided)
		got[leg.Sink] = leg.Results
	}
	require.Equal(t, map[string][]int{"high": {1, 4}, "low": {0, 3}, "all": {0, 1, 2, 3}}, got, "a sink that wants nothing has no leg")
	require.Empty(t, route.Unrouted)

	route, err = a.Route(t.Context(), activities.RouteInput{Results: withData(`{"n":50}`)})
	require.NoError(t, err)
	require.Len(t, route.Legs, 2)
	require.Nil(t, route.Legs[0].Results, "all of them")

	c := *a.Current().Config
	c.Sinks = c.Sinks[:3]
	a.Use(&activities.Current{Config: &c})
	route, err = a.Route(t.Context(), activities.RouteInput{Results: withData(`{"n":1}`, `{"n":2}`, `{"n":2}`)})
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, route.Unrouted)
	require.Equal(t, config.UnmatchedAck, route.Unmatched)
	require.InDelta(t, 2, counted(t, registry, "consign_unmatched_total"), 0)
}

func TestRoute_WhenThatFails_IsUndecidedForThatSinkAlone(t *testing.T) {
	t.Parallel()
	a, _ := router(t, `
sinks:
  picky: {stdout: {}, when: "data.n > 2 || data.s == '${SECRET}'"}
  number: {stdout: {}, when: int(data.s) > 1}
  any: {stdout: {}}
`)
	route, err := a.Route(t.Context(), activities.RouteInput{Results: withData(`{"n":3,"s":"2"}`, `{"s":"x"}`, `{"s":"y"}`)})
	require.NoError(t, err)
	require.Len(t, route.Legs, 3)
	require.Equal(t, []activities.Undecided{{Results: []int{1, 2}, Cause: route.Legs[0].Undecided[0].Cause}}, route.Legs[0].Undecided, "one cause is told once")
	require.Contains(t, route.Legs[0].Undecided[0].Cause, "no such key: ")
	require.Len(t, route.Legs[1].Undecided, 1)
	require.Empty(t, route.Legs[2].Undecided)
	require.Empty(t, route.Unrouted, "who cannot tell may want it")
}

func TestRoute_CausesOfManyResults_StayShort(t *testing.T) {
	t.Parallel()
	a, _ := router(t, "sinks: {a: {stdout: {}, when: int(data) > 1}, b: {stdout: {}, when: int(data) > 2}}")
	data := make([]string, consign.MaxConsignmentResults)
	for i := range data {
		data[i] = fmt.Sprintf(`"%04d%s"`, i, strings.Repeat("é", 400))
	}
	route, err := a.Route(t.Context(), activities.RouteInput{Results: withData(data...)})
	require.NoError(t, err)
	size := 0
	for _, leg := range route.Legs {
		for _, u := range leg.Undecided {
			size += len(u.Cause)
		}
	}
	require.Positive(t, size)
	require.LessOrEqual(t, size, 2*consign.MaxConsignmentResults*64)
}

func TestRoute_ConditionsThatTakeTooLong_AreUndecidedInTime(t *testing.T) {
	t.Parallel()
	// Each evaluation uses up what one may cost, and there are far more of them than there is time for.
	a, _ := router(t, "sinks: {slow: {stdout: {}, when: 'data.all(x, data.all(y, y + x > 0))'}, any: {stdout: {}}}")
	long := "[" + strings.Repeat("1,", 400) + "1]"
	results := withData(make([]string, consign.MaxConsignmentResults)...)
	for i := range results {
		results[i].Data = []byte(long)
	}
	began := time.Now()
	route, err := a.Route(t.Context(), activities.RouteInput{Results: results})
	require.NoError(t, err)
	require.Less(t, time.Since(began), 4*time.Second, "the workflow waits for 5 s")
	require.Len(t, route.Legs, 2)
	var causes []string
	for _, u := range route.Legs[0].Undecided {
		causes = append(causes, u.Cause)
	}
	require.Contains(t, causes, "when: the conditions on this consignment were not evaluated in time")
	require.Empty(t, route.Legs[1].Undecided)
}
