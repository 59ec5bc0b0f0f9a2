package acceptance

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

func TestA1_EverySinkGetsEveryResult(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
  two: {script: {}}
  three: {script: {}}
`)
	receipt := s.wait(s.submit("a", `{"n":1}`))
	require.True(t, receipt.Delivered(), "%+v", receipt)
	for _, name := range []string{"one", "two", "three"} {
		require.Len(t, s.sinks[name].took(), 1, name)
	}
}

func TestSeed_TwoFailuresThenSuccess_ThreeAttemptsOneIdentity(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
`)
	s.sinks["one"].answers(func(attempt int, _ sinks.Delivery) error {
		if attempt <= 2 {
			return errors.New("not yet")
		}
		return nil
	})
	receipt := s.wait(s.submit("a", `{"n":1}`))
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
	require.Equal(t, 3, receipt.Legs[0].Attempts)
	tries := s.sinks["one"].tries()
	require.Len(t, tries, 3)
	for i, try := range tries {
		require.Equal(t, tries[0].ID, try.ID)
		require.Equal(t, tries[0].First, try.First)
		require.Equal(t, i+1, try.Attempt)
	}
}

func TestSeed_AlwaysFailing_IsParkedAndAcked(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
`)
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return errors.New("never") })
	receipt := s.wait(s.submit("a", `{"n":1}`))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, 4, receipt.Legs[0].Attempts)
	record := s.record(receipt.Legs[0].DeadLetter)
	require.Len(t, record.Attempts, 4, fmt.Sprintf("%+v", record))
	require.JSONEq(t, `{"n":1}`, string(record.Results[0].Data))
}
