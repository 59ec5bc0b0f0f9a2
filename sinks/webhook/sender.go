package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// stampLife is how long a request is repeated with its first timestamp. Receivers refuse timestamps
// older than 5 minutes; the rest is room for the way there and for clocks that differ.
const stampLife = 4 * time.Minute

// Sender posts signed JSON over HTTP: results for a [Sink], and acks. Its methods may be called from
// several goroutines at once, and share connections.
type Sender struct {
	signer    *signer // nil: requests are not signed
	secrets   []config.Secret
	guard     Guard
	transport *http.Transport
	userAgent string
	closed    atomic.Bool
}

// NewSender returns a sender that signs with secret by Standard Webhooks, or not at all if that is
// empty, and that connects to no address that guard refuses. It fails if secret is not one: see [Config].
func NewSender(secret config.Secret, guard Guard) (*Sender, error) {
	var problem error
	signer := newSigner(Signing{}, secret, nil, func(field, text string) { problem = fmt.Errorf("%s: %s", field, text) })
	if problem != nil {
		return nil, problem
	}
	return newSender(signer, []config.Secret{secret}, guard), nil
}

func newSender(signer *signer, secrets []config.Secret, guard Guard) *Sender {
	return &Sender{
		signer:    signer,
		secrets:   secrets,
		guard:     guard,
		transport: newTransport(guard, nil),
		userAgent: userAgent(),
	}
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
	target, err := endpoint(address)
	if err != nil {
		return sinks.Permanent(sinks.Label(fmt.Errorf("POST: url: %w", err), "bad url"))
	}
	origin := target.Scheme + "://" + target.Host
	hide := func(text string) string { return s.hider(target, headers)(text) } // made only for what fails
	if s.closed.Load() {
		return fmt.Errorf("POST %s: this sender is closed", origin)
	}
	if err := s.guard.checkHost(target.Hostname()); err != nil {
		return failed(ctx, origin, hide, err)
	}

	if at.IsZero() {
		at = time.Now()
	}
	exchange, giveUp := context.WithCancel(ctx)
	defer giveUp()
	request, err := s.request(exchange, target, id, stamp(first, at), body, headers)
	if err != nil {
		return sinks.Permanent(hidden(fmt.Errorf("POST %s: %w", origin, err), hide))
	}
	// A round trip of the transport, unlike a client's, follows no redirect and puts no URL into
	// its errors.
	response, err := s.transport.RoundTrip(request)
	if err != nil {
		return failed(ctx, origin, hide, err)
	}
	defer response.Body.Close()
	defer time.AfterFunc(answerWait, giveUp).Stop()
	return judge(response, origin, hide, at)
}

// Close closes the connections that are kept for further requests. Those fail from now on.
func (s *Sender) Close() {
	s.closed.Store(true)
	s.transport.CloseIdleConnections()
}

// hider hides what this sender knows and the reader of a message may not.
func (s *Sender) hider(target *url.URL, headers map[string]string) func(string) string {
	var more []string
	for _, secret := range s.secrets {
		more = append(more, keyForms(secret)...)
	}
	if s.transport.Proxy != nil {
		proxy, _ := s.transport.Proxy(&http.Request{URL: target}) // an error was that of the request, too
		more = append(more, login(proxy)...)
	}
	return hider(target, headers, more...)
}

func (s *Sender) request(ctx context.Context, target *url.URL, id string, stamp time.Time, body []byte, headers map[string]string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request cannot be made of this URL")
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.userAgent)
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(stamp.Unix(), 10))
	if err := s.signer.sign(request.Header, id, stamp, body); err != nil {
		return nil, err
	}
	return request, nil
}

// stamp is the time that a request carries. A first attempt far in the future comes of a clock that
// is wrong, and a receiver would refuse it as well.
func stamp(first, at time.Time) time.Time {
	if at.Sub(first).Abs() < stampLife {
		return first
	}
	return at
}
