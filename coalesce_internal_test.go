package consign

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueue_Next_TakesUpToTheLimitsAndNoResultTwice(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ids         []string
		most, bytes int
		want        []int // lengths of the consignments
	}{
		"none":                    {nil, 3, 100, nil},
		"by number":               {[]string{"a", "b", "c", "d"}, 3, 100, []int{3, 1}},
		"by bytes":                {[]string{"a", "b", "c", "d"}, 9, 25, []int{2, 2}},
		"one larger than allowed": {[]string{"a", "b"}, 9, 5, []int{1, 1}},
		"the same again":          {[]string{"a", "b", "a", "c"}, 9, 100, []int{2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var q queue
			for n, id := range test.ids {
				q.add(&item{entry: Entry{Result: Result{Source: "s", ID: id, Subject: strconv.Itoa(n)}}, size: 10})
			}
			var got []int
			n := 0
			for batch := q.next(test.most, test.bytes); batch != nil; batch = q.next(test.most, test.bytes) {
				got = append(got, len(batch))
				for _, i := range batch {
					require.Equal(t, strconv.Itoa(n), i.entry.Subject, "order")
					n++
				}
			}
			require.Equal(t, test.want, got)
			require.Zero(t, q.bytes)
		})
	}
}
