package demo

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// sound is the evidence of a demo in which all went well.
func sound() evidence {
	e := evidence{parked: 2, replayed: 2}
	for _, result := range []consign.Result{
		{Source: "sigma", ID: "a", Data: json.RawMessage(`{"n":1.50}`)},
		{Source: "sigma", ID: "b", Data: json.RawMessage(`["<&>"]`)},
		{Source: "sigma", ID: "c", Data: json.RawMessage(`null`)},
	} {
		e.submitted = append(e.submitted, result)
		e.archive = append(e.archive, kept{result: result})
		e.receiver = append(e.receiver, kept{consign.DeliveryID(result.Source, result.ID, webhookSink), result})
	}
	return e
}

func TestVerdict_WhenEverythingIsThere_Passes(t *testing.T) {
	t.Parallel()
	v := judge(sound())
	require.True(t, v.Pass, v.Problems)
	require.Equal(t, holding{Results: 3}, v.Archive)
	require.Equal(t, holding{Results: 3}, v.Receiver)
	require.Contains(t, v.String(), "PASS")
}

func TestVerdict_WhenSomethingIsThereTwice_PassesAndCountsIt(t *testing.T) {
	t.Parallel()
	e := sound()
	e.archive = append(e.archive, e.archive[0])
	e.receiver = append(e.receiver, e.receiver[1], e.receiver[1])
	v := judge(e)
	require.True(t, v.Pass, v.Problems)
	require.Equal(t, holding{Results: 3, Duplicates: 1}, v.Archive)
	require.Equal(t, holding{Results: 3, Duplicates: 2}, v.Receiver)
}

func TestVerdict_WhenOthersSubmittedToo_LooksAtItsOwn(t *testing.T) {
	t.Parallel()
	e := sound()
	e.archive = append(e.archive, kept{result: consign.Result{Source: "visitor", ID: "a", Data: json.RawMessage(`{}`)}})
	v := judge(e)
	require.True(t, v.Pass, v.Problems)
	require.Equal(t, holding{Results: 3}, v.Archive)
}

func TestVerdict_WhenAnythingIsWrong_FailsAndNamesIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*evidence)
		want  string
	}{
		"lost by the archive":   {func(e *evidence) { e.archive = e.archive[1:] }, "the archive does not hold a"},
		"lost by the receiver":  {func(e *evidence) { e.receiver = nil }, "the receiver does not hold"},
		"only another source's": {func(e *evidence) { e.archive[0].result.Source = "other" }, "the archive does not hold"},
		"a number respelled":    {func(e *evidence) { e.archive[0].result.Data = json.RawMessage(`{"n":1.5}`) }, "the archive holds a with other data than was submitted"},
		"changed in a copy": {func(e *evidence) {
			spoilt := e.receiver[0]
			spoilt.result.Data = json.RawMessage(`{}`)
			e.receiver = append(e.receiver, spoilt)
		}, "with other data than was submitted"},
		"under another delivery id": {func(e *evidence) { e.receiver[0].deliveryID = "msg_1" }, "as delivery msg_1 instead of"},
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
