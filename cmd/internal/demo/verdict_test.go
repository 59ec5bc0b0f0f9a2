package demo

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// sound is the evidence of a demo of all sinks in which all went well.
func sound() evidence {
	e := evidence{parked: 2, replayed: 2, kept: map[string][]kept{}}
	for _, result := range []consign.Result{
		{Source: "sigma", ID: "a", Data: json.RawMessage(`{"n":1.50}`)},
		{Source: "sigma", ID: "b", Data: json.RawMessage(`["<&>"]`)},
		{Source: "sigma", ID: "c", Data: json.RawMessage(`null`)},
	} {
		e.submitted = append(e.submitted, result)
		for _, d := range new(verdict).destinations() {
			k := kept{result: result}
			if d.identifies {
				k.deliveryID = consign.DeliveryID(result.Source, result.ID, d.sink)
			}
			e.kept[d.sink] = append(e.kept[d.sink], k)
		}
	}
	return e
}

func TestVerdict_WhenEverythingIsThere_Passes(t *testing.T) {
	t.Parallel()
	v := judge(sound())
	require.True(t, v.Pass, v.Problems)
	require.Len(t, v.destinations(), len(sinkNames(true)))
	for _, d := range v.destinations() {
		require.Equal(t, &holding{Results: 3}, *d.holding, d.name)
		require.Contains(t, v.String(), "The "+d.name+" holds 3 of 3 results")
	}
	require.Contains(t, v.String(), "PASS")
}

func TestVerdict_OfThreeSinks_IsAboutArchiveAndReceiver(t *testing.T) {
	t.Parallel()
	e := sound()
	for _, sink := range []string{consoleSink, collectorSink, streamSink, topicSink} {
		delete(e.kept, sink)
	}
	v := judge(e)
	require.True(t, v.Pass, v.Problems)
	require.Equal(t, 2, strings.Count(v.String(), "holds 3 of 3"))
	written, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `{"pass": true, "problems": [], "submitted": 3, "archive": {"results": 3, "duplicates": 0},
		"receiver": {"results": 3, "duplicates": 0}, "parked": 2, "replayed": 2, "seconds": 0}`, string(written))
}

func TestVerdict_WhenSomethingIsThereTwice_PassesAndCountsIt(t *testing.T) {
	t.Parallel()
	e := sound()
	for sink, held := range e.kept {
		e.kept[sink] = append(held, held[0], held[1], held[1])
	}
	v := judge(e)
	require.True(t, v.Pass, v.Problems)
	for _, d := range v.destinations() {
		require.Equal(t, &holding{Results: 3, Duplicates: 3}, *d.holding, d.name)
	}
}

func TestVerdict_WhenOthersSubmittedToo_LooksAtItsOwn(t *testing.T) {
	t.Parallel()
	e := sound()
	e.kept[archiveSink] = append(e.kept[archiveSink], kept{result: consign.Result{Source: "visitor", ID: "a", Data: json.RawMessage(`{}`)}})
	v := judge(e)
	require.True(t, v.Pass, v.Problems)
	require.Equal(t, &holding{Results: 3}, v.Archive)
}

func TestVerdict_WhenAnythingIsWrong_FailsAndNamesIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*evidence)
		want  string
	}{
		"lost by the archive":   {func(e *evidence) { e.kept[archiveSink] = e.kept[archiveSink][1:] }, "the archive does not hold a"},
		"lost by the receiver":  {func(e *evidence) { e.kept[webhookSink] = nil }, "the receiver does not hold"},
		"only another source's": {func(e *evidence) { e.kept[archiveSink][0].result.Source = "other" }, "the archive does not hold"},
		"a number respelled":    {func(e *evidence) { e.kept[archiveSink][0].result.Data = json.RawMessage(`{"n":1.5}`) }, "the archive holds a with other data than was submitted"},
		"changed in a copy": {func(e *evidence) {
			spoilt := e.kept[webhookSink][0]
			spoilt.result.Data = json.RawMessage(`{}`)
			e.kept[webhookSink] = append(e.kept[webhookSink], spoilt)
		}, "with other data than was submitted"},
		"under another delivery id": {func(e *evidence) { e.kept[webhookSink][0].deliveryID = "msg_1" }, "as delivery msg_1 instead of"},
		"badly signed":              {func(e *evidence) { e.forged = 1 }, "1 requests reached the receiver without a valid signature"},
		"nothing parked":            {func(e *evidence) { e.parked, e.replayed = 0, 0 }, "no dead letter was made"},
		"not all replayed":          {func(e *evidence) { e.replayed = 1 }, "1 of 2 dead letters were replayed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := sound()
			test.spoil(&e)
			v := judge(e)
			require.False(t, v.Pass)
			require.NotEmpty(t, v.Problems)
			require.Contains(t, v.String(), "FAIL: ")
			require.NotContains(t, v.String(), "PASS")
			require.Contains(t, v.String(), test.want)
		})
	}
}

func TestVerdict_WhenOneDestinationLosesOne_NamesBoth(t *testing.T) {
	t.Parallel()
	for _, d := range new(verdict).destinations() {
		e := sound()
		e.kept[d.sink] = slices.Delete(e.kept[d.sink], 1, 2)
		v := judge(e)
		require.False(t, v.Pass)
		require.Equal(t, []string{"the " + d.name + " does not hold b"}, v.Problems)
		require.Contains(t, v.String(), "The "+d.name+" holds 2 of 3 results")
	}
}

func TestVerdict_WhereDeliveryIDsAreKept_TheyMustBeTheSinks(t *testing.T) {
	t.Parallel()
	for _, sink := range []string{webhookSink, collectorSink, streamSink, topicSink} {
		e := sound()
		e.kept[sink][2].deliveryID = consign.DeliveryID("sigma", "b", sink)
		v := judge(e)
		require.Len(t, v.Problems, 1)
		require.Contains(t, v.Problems[0], "got c as delivery "+e.kept[sink][1].deliveryID+" instead of")
	}
}
