package consign

import "fmt"

// Consignment is the input of a Deliver workflow: what one workflow carries. [Client.Submit] always
// sends one result in each.
type Consignment struct {
	Results []Entry `json:"results"`
}

// Entry is a result and the place where its upstream waits for the ack.
type Entry struct {
	Result
	// Ack is where to tell that the result is committed at every sink. Nil: nobody waits, the
	// receipt is all there is.
	Ack *AckTarget `json:"ack,omitempty"`
}

// AckTarget is where an ack is sent. Exactly one field is set.
type AckTarget struct {
	Signal *SignalTarget `json:"signal,omitempty"`
	HTTP   *HTTPTarget   `json:"http,omitempty"`
	NATS   *NATSTarget   `json:"nats,omitempty"`
}

// SignalTarget is a workflow in the same namespace that waits for an [Ack] as a signal.
type SignalTarget struct {
	WorkflowID string `json:"workflow_id"`
	// RunID empty: the run that is open when the ack is sent.
	RunID string `json:"run_id,omitempty"`
	// Name of the signal. Default "ack".
	Name string `json:"name,omitempty"`
}

// HTTPTarget is a URL to which an [Ack] is posted. It stands in Temporal's history in clear text,
// so it must hold no credentials.
type HTTPTarget struct {
	URL string `json:"url"`
}

// NATSTarget is a message of NATS JetStream that waits for its ack. A worker publishes it, through the
// connection that its configuration has for the source.
type NATSTarget struct {
	// Source is the name of the source in the configuration of workers.
	Source string `json:"source"`
	// Subject is the message's reply subject. It begins with "$JS.ACK.".
	Subject string `json:"subject"`
}

// Ack tells the upstream that a result is committed: every sink has taken it, or had it parked.
type Ack struct {
	Source  string  `json:"source"`
	ID      string  `json:"id"`
	Receipt Receipt `json:"receipt"`
}

// Encode returns the ack as JSON, as it is posted. The receipt's text stays as it is.
func (a Ack) Encode() ([]byte, error) { return marshal(a) }

// FirstAttemptsRequest is the argument of the update "first_attempts". All of it is optional.
type FirstAttemptsRequest struct {
	// Digest of the data that the caller holds: another one than the workflow's is refused.
	Digest string `json:"digest,omitempty"`
	// Ack is one more place to ack to: how a duplicate submission brings its own.
	Ack *AckTarget `json:"ack,omitempty"`
}

// FirstAttempts is what became of a consignment's first attempts.
type FirstAttempts struct {
	// Committed is true when every leg is over, and Receipt is set then.
	Committed bool     `json:"committed"`
	Receipt   *Receipt `json:"receipt,omitempty"`
}

// check refuses an answer that says "committed" and shows no receipt for it.
func (f FirstAttempts) check() error {
	if !f.Committed {
		return nil
	}
	if f.Receipt == nil {
		return Receipt{}.check()
	}
	return f.Receipt.check()
}

// Size is about what the result takes in a workflow or an activity's input, in bytes.
func (r Result) Size() int {
	// An escape in JSON makes six bytes of one; data is JSON already.
	return len(r.Data) + 6*(len(r.Source)+len(r.ID)+len(r.Type)+len(r.Subject)) + len(r.Traceparent) + 2*len(r.Tracestate) + 128
}

// size is that of the result and its ack target.
func (e Entry) size() int {
	size := e.Result.Size()
	if e.Ack != nil && e.Ack.HTTP != nil {
		size += 6*len(e.Ack.HTTP.URL) + 64
	}
	if e.Ack != nil && e.Ack.Signal != nil {
		size += 6*(len(e.Ack.Signal.WorkflowID)+len(e.Ack.Signal.Name)) + 128
	}
	if e.Ack != nil && e.Ack.NATS != nil {
		size += 6*(len(e.Ack.NATS.Source)+len(e.Ack.NATS.Subject)) + 64
	}
	return size
}

// maxTogether bounds the sum of [Result.Size], which is about what they take.
const maxTogether = MaxConsignmentBytes + 1024

// CheckResults says what is wrong with results that are delivered, or held, together, if anything.
func CheckResults(results []Result) error {
	if len(results) > MaxConsignmentResults {
		return fmt.Errorf("there are %d results, at most %d can be delivered together", len(results), MaxConsignmentResults)
	}
	size := 0
	seen := make(map[[2]string]int, len(results))
	for i, result := range results {
		key := [2]string{result.Source, result.ID}
		if first, twice := seen[key]; twice {
			return fmt.Errorf("results[%d] has the source and id of results[%d]: they would have one delivery id", i, first)
		}
		seen[key] = i
		if err := result.Check(); err != nil {
			return fmt.Errorf("results[%d].%w", i, err)
		}
		size += result.Size()
	}
	if size > maxTogether {
		return fmt.Errorf("the results are %d bytes, at most %d can be delivered together", size, MaxConsignmentBytes)
	}
	return nil
}
