package demo

import (
	"hash/fnv"
	"math"
	"net/http"
)

// fault is how the receiver treats one result while it is not healed.
type fault struct {
	// status of the answers that refuse it.
	status int
	// tries that are refused before one is accepted.
	tries int
}

// untilHealed is a number of tries that nobody makes.
const untilHealed = math.MaxInt

// faultOf is the fault of a result, told by its id alone, so that each run tells the same story. The
// status is 500 and not 503, since 429, 502, 503 and 504 ask to leave the receiver alone altogether,
// and would hold up the results that it takes.
func faultOf(id string) fault {
	hash := fnv.New32a()
	hash.Write([]byte(id))
	switch percent := hash.Sum32() % 100; {
	case percent < 7:
		return fault{http.StatusInternalServerError, untilHealed}
	case percent < 8:
		return fault{http.StatusUnprocessableEntity, untilHealed}
	case percent < 25:
		return fault{http.StatusInternalServerError, 1 + int(percent%2)}
	}
	return fault{}
}
