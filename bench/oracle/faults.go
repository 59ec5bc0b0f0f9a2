package main

import (
	"encoding/binary"
	"hash/fnv"
	"net/http"
)

// fault is what a receiver does with a request instead of taking it and saying so.
type fault string

const (
	none        fault = ""
	refuse      fault = "refuse"       // 400, for good
	fail        fault = "500"          // not taken
	busy        fault = "503"          // not taken, Retry-After: 1
	reset       fault = "reset"        // not taken, the connection breaks
	hang        fault = "hang"         // not taken, no answer
	takenFail   fault = "taken, 500"   // taken all the same
	takenReset  fault = "taken, reset" // taken all the same
	takenHang   fault = "taken, hang"  // taken all the same
	takenInPart fault = "in part"      // taken, and the client is told only that others were not
)

// spoils tells whether the result was taken and the client was told otherwise: it must come again.
func (f fault) spoils() bool {
	return f == takenFail || f == takenReset || f == takenHang || f == takenInPart
}

// instead does what is done instead of taking a request. False: it is to be taken.
func (f fault) instead(w http.ResponseWriter, request *http.Request) bool {
	switch f {
	case refuse:
		http.Error(w, "refused", http.StatusBadRequest)
	case fail:
		http.Error(w, "failed", http.StatusInternalServerError)
	case busy:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case reset:
		panic(http.ErrAbortHandler)
	case hang:
		<-request.Context().Done()
	default:
		return false
	}
	return true
}

// afterwards spoils the answer to a request that was taken. False: it is to be answered well.
func (f fault) afterwards(w http.ResponseWriter) bool {
	switch f {
	case takenFail:
		http.Error(w, "taken, says nobody", http.StatusInternalServerError)
	case takenReset:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// odds of one fault, of 1.
type odds struct {
	fault fault
	odds  float64
}

// hookOdds and deskOdds are how the two receivers misbehave. The desk refuses some for good, and has few
// retries, so that results are parked.
func hookOdds() []odds {
	return []odds{{fail, .03}, {busy, .0003}, {reset, .01}, {hang, .0005}, {takenFail, .01}, {takenReset, .01}}
}

func deskOdds() []odds {
	return []odds{{refuse, .01}, {fail, .08}, {reset, .02}, {hang, .0005}, {takenFail, .02}, {takenReset, .02}}
}

// collectorOdds are how the receiver of logs misbehaves, beside what it refuses.
func collectorOdds() []odds {
	return []odds{{fail, .04}, {busy, .0003}, {hang, .001}, {takenFail, .02}, {takenHang, .002}}
}

// refuseOdds of a record that is refused for good.
const refuseOdds = .01

// pick is the fault of the n-th request of a delivery, the same for the same seed.
func pick(faults []odds, seed uint64, delivery string, n int) fault {
	for _, f := range faults {
		times := n
		if f.fault == refuse {
			times = 0 // for good: every time
		}
		if dice(seed, delivery, string(f.fault), times) < f.odds {
			return f.fault
		}
	}
	return none
}

// dice is a number from 0 to 1 by FNV-1a.
func dice(seed uint64, delivery, fault string, n int) float64 {
	hash := fnv.New64a()
	_ = binary.Write(hash, binary.BigEndian, [2]uint64{seed, uint64(n)}) //nolint:gosec // a count
	_, _ = hash.Write([]byte(fault + "/" + delivery))
	return float64(mix(hash.Sum64())>>11) / (1 << 53)
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): FNV alone leaves short inputs unmixed.
func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
