package webhook

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// stampLife is how long a request is repeated with its first timestamp. Receivers refuse timestamps
// older than 5 minutes; the rest is room for the way there and for clocks that differ.
const stampLife = 4 * time.Minute

// Sender posts signed JSON over HTTP: results for a [Sink], and acks. Its methods may be called from
// several goroutines at once, and share connections.
type Sender struct {
	signer        *signer // nil: requests are not signed
	authorization string  // a value of that header which does not change; empty: none
	tokens        *tokens // nil: none are needed
	network       *network
	secrets       []string // what no reader of an error may know
	hiding        hiding   // of them, and of what is particular to a request
	userAgent     string
	closed        atomic.Bool
}

// NewSender returns a sender that signs with secret and more by Standard Webhooks, or not at all if there
// is none, and that connects to no address that guard refuses. It fails if one of them is no secret, and
// tells by field which: see [Config].
func NewSender(secret config.Secret, more []config.Secret, guard Guard) (*Sender, error) {
	var problem error
	signer := newSigner(Signing{}, secret, more, func(field, text string) {
		if problem == nil {
			problem = fmt.Errorf("%s: %s", field, text)
		}
	})
	if problem != nil {
		return nil, problem
	}
	return &Sender{
		signer:    signer,
		network:   newNetwork(guard, proxySetting{}, nil, nil),
		secrets:   keyForms(append([]config.Secret{secret}, more...)...),
		userAgent: userAgent(),
	}, nil
}

// Post sends one JSON body to address and returns nil if the answer's status is 2xx. Errors are
// classified for [sinks.Classify], and show neither the address beyond its scheme and host nor any
// header. Extra headers must not be ones that Post sets: see [Config.Validate].
//
// id goes into the header webhook-id and first, the time of the first attempt, into
// webhook-timestamp, so that a retry repeats both and the signature byte for byte. From 4 minutes
// after first on, each request is stamped with at and signed anew with the same id. at is when this
// attempt began, by the clock that first was read from; zero: now, by this machine's.
func (s *Sender) Post(ctx context.Context, address, id string, first, at time.Time, body []byte, headers map[string]string) error {
	return s.send(ctx, message{method: http.MethodPost, address: address, id: id, first: first, at: at, body: body, headers: headers})
}

// message is what goes to a receiver, as [Sender.Post] describes it.
type message struct {
	method, address, id string
	first, at           time.Time
	body                []byte
	headers             map[string]string
	trace               consign.TraceContext
	fixed               bool // as that of outgoing
}

func (s *Sender) send(ctx context.Context, m message) error {
	target, err := endpoint(m.address)
	if err != nil {
		return sinks.Permanent(sinks.Label(fmt.Errorf("%s: url: %w", m.method, err), "bad url"))
	}
	if m.at.IsZero() {
		m.at = time.Now()
	}
	out := s.outgoing(m, target)
	if s.closed.Load() {
		return fmt.Errorf("%s: this sender is closed", out.name())
	}
	if s.authorization != "" {
		out.headers["Authorization"] = s.authorization
	}
	for token, renewed := "", false; ; renewed = true {
		if s.tokens != nil {
			if token, err = s.tokens.get(ctx, token); err != nil {
				return fmt.Errorf("%s: %w", out.name(), err)
			}
			out.headers["Authorization"] = "Bearer " + token
		}
		hide := func(text string) string { return s.hider(target, m.headers, out.headers["Authorization"])(text) } // made only for what fails
		outdated := false
		err = s.network.exchange(ctx, out, hide, func(response *http.Response) error {
			if outdated = response.StatusCode == http.StatusUnauthorized && s.tokens != nil && !renewed; outdated {
				_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection is used again
				return nil
			}
			return judge(response, out, hide, m.at)
		})
		if !outdated {
			return err
		}
	}
}

// Close closes the connections that are kept for further requests. Those fail from now on.
func (s *Sender) Close() {
	s.closed.Store(true)
	s.network.close()
	if s.tokens != nil {
		s.tokens.network.close()
	}
}

// hider hides what this sender knows and the reader of a message may not.
func (s *Sender) hider(target *url.URL, headers map[string]string, authorization string) func(string) string {
	all := map[string]string{"Authorization": authorization}
	maps.Copy(all, headers)
	more := append(login(s.network.chosen(target)), s.secrets...)
	if s.tokens != nil {
		more = append(more, s.tokens.secrets()...)
	}
	return s.hiding.hider(target, all, more...)
}

func (s *Sender) outgoing(m message, target *url.URL) outgoing {
	stamp := stamp(m.first, m.at)
	headers := map[string]string{"Content-Type": "application/json"}
	for name, value := range m.trace.Headers() { // unless they are configured
		headers[http.CanonicalHeaderKey(name)] = value
	}
	for name, value := range m.headers {
		headers[http.CanonicalHeaderKey(name)] = value
	}
	headers["User-Agent"] = s.userAgent
	headers[standardwebhooks.HeaderWebhookID] = m.id
	headers[standardwebhooks.HeaderWebhookTimestamp] = strconv.FormatInt(stamp.Unix(), 10)
	return outgoing{
		method: m.method, target: target, headers: headers, body: m.body, fixed: m.fixed, secrets: s.secrets,
		sign: func(header http.Header) error { return s.signer.sign(header, m.id, stamp, m.body) },
	}
}

// stamp is the time that a request carries. A first attempt far in the future comes of a clock that
// is wrong, and a receiver would refuse it as well.
func stamp(first, at time.Time) time.Time {
	if at.Sub(first).Abs() < stampLife {
		return first
	}
	return at
}
