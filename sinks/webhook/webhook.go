// Package webhook delivers each result as one HTTP request of its own: a POST of JSON, signed by the
// Standard Webhooks scheme (https://www.standardwebhooks.com) where a secret is set, or whatever its
// templates make of the result.
//
//	sinks:
//	  slack-critical:
//	    webhook:
//	      url: ${SLACK_URL}
//	      secret: ${SLACK_SECRET}
//	      headers:
//	        Authorization: Bearer ${SLACK_TOKEN}
//	  tickets:
//	    webhook:
//	      url: "https://tickets.example/api/{{ .source }}/{{ .data.rule_id }}"
//	      method: PUT
//	      body: '{"title": "{{ truncate 80 .data.rule_title }}", "urgent": {{ eq .data.level "critical" }}, "finding": {{ json .raw }}}'
//	      samples: ['{"type": "detection", "data": {"rule_id": "r1", "rule_title": "whoami", "level": "high"}}']
//	      auth:
//	        oauth2:
//	          token_url: https://id.example/oauth2/token
//	          client_id: consign
//	          client_secret: ${TICKETS_SECRET}
//
// # The request
//
// The body is the result with its source, id and type around the data, whose bytes are as they
// were submitted. The header webhook-id holds the delivery id, the same on every retry and on a
// replay, so a receiver drops duplicates by it; webhook-timestamp and webhook-signature are as the
// scheme says. See [Sender], and [Signing] for other schemes.
//
// # Templates
//
// url, body and the values of headers may be templates in the language of package text/template. They
// see a result as .source, .id, .type, .time, .subject and .data, its data as it came as .raw, the whole
// result as .result, the delivery id as .delivery_id, and under .values what the setting values names.
//
// What a template prints is escaped for where it stands: in a body of JSON for a place between quotes
// (numbers, true, false and null may stand outside of them), in a URL for a segment of its path or, behind
// a ?, for its query, in a body of another Content-Type and in headers not at all. These functions are
// there beside those of text/template:
//
//	json VALUE                   any value as JSON, quotes and all
//	raw VALUE                    a value without escapes, such as a whole URL
//	path VALUE, urlquery VALUE   a value escaped for a URL, wherever it stands
//	get VALUE "key"…             what keys lead to; null where they lead nowhere
//	or A B…                      the first that is neither null, nor empty, nor 0
//	choose VALUE "case" RESULT … OTHERWISE
//	truncate LIMIT VALUE         at most that many characters
//	lower, upper, join "," LIST
//	mrkdwn VALUE                 a text of which Slack takes nothing for markup
//	number VALUE                 to compare with gt, lt and the others
//
// A field that a result does not have is an error, which parks the result at once, since nothing but
// another template would heal it; get allows for what may be missing. Templates are checked at start
// against the results in samples, so give one of each shape. In docs/recipes are tested ones for Slack,
// Teams, Discord, PagerDuty and Opsgenie.
//
// # The answer
//
// Only 2xx is success. 408, 425, 429, every 5xx and an answer that never comes are tried again;
// after 429, 502, 503 and 504 the destination is left alone for as long as its Retry-After says.
// Everything else is permanent, redirects too: they are never followed, as whoever answers for a
// URL could otherwise send signed results anywhere. 410 says that the URL is given up, for all results,
// unless it is a template: see [sinks.Gone].
//
// # Where it connects to
//
// Link-local and cloud metadata addresses are refused, whatever name leads there: see [Guard].
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured where the setting proxy does not say otherwise.
package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// sideBySide is the most requests of one batch under way at once.
const sideBySide = 8

// Kind makes the webhook known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "webhook",
		Summary: "an HTTP endpoint: one request per result, a signed POST of JSON or what templates say",
		Network: true,
		New:     func() config.Settings { return &Config{} },
	}
}

// Config holds the settings of a webhook.
type Config struct {
	// URL that results are posted to, with scheme http or https, or a template for it: see the package.
	// Required. A user name and password do not belong in it: see auth.
	URL string `yaml:"url"`
	// Method is POST, PUT or PATCH. Default POST.
	Method string `yaml:"method"`
	// Body is a template for the body. With one, headers may set another Content-Type than
	// application/json. Default: the result with its source, id and type, as it was submitted.
	Body string `yaml:"body"`
	// Values are texts that templates print by name, such as {{ .values.key }}, and that are never shown.
	// Names are letters, digits and underscores. Default: none.
	Values map[string]config.Secret `yaml:"values"`
	// Samples are results as JSON, {"type": …, "data": …}, for which the templates are rendered at start,
	// so that a mistake is found then. Source and id may be left out. Default: none.
	Samples []string `yaml:"samples"`
	// Secret signs each request, by the Standard Webhooks scheme unless signing says otherwise: "whsec_"
	// and the base64 of 24 to 64 bytes, or 24 to 64 bytes of plain text, for an HMAC (v1); "whsk_" and
	// the base64 of an ed25519 key's 32 bytes, or of its 64 with the public half, for a signature that
	// receivers check with the public key (v1a). Default: requests are not signed.
	Secret config.Secret `yaml:"secret"`
	// Secrets are further ones whose signatures stand beside that of secret, in this order, while a
	// receiver changes from one to another, or from v1 to v1a. Not with signing.scheme github, whose
	// header holds one signature. Default: none.
	Secrets []config.Secret `yaml:"secrets"`
	// Signing says how requests are signed. Default: by Standard Webhooks.
	Signing Signing `yaml:"signing"`
	// Auth says how requests are authorized. Default: not at all, unless headers do.
	Auth Auth `yaml:"auth"`
	// TLS says whom to trust and how to be known. Default: the system's authorities, and not at all.
	TLS TLS `yaml:"tls"`
	// Proxy to go through: http://, https:// or socks5:// with host and port, and user name and password
	// where it wants them; "direct" for none. The name in the URL is looked up here and its address
	// checked, and the proxy is asked for a tunnel to that address. Default: what HTTP_PROXY, HTTPS_PROXY
	// and NO_PROXY say.
	Proxy config.Secret `yaml:"proxy"`
	// Egress says which addresses are not connected to, whatever name leads there: "default" refuses
	// link-local and cloud metadata addresses, "strict" also loopback and private ones, "permissive"
	// none. Default: default, and strict where the host in the URL comes from a template, as results
	// then choose whom to call.
	Egress Guard `yaml:"egress"`
	// Headers are sent with each request beside the ones that Consign sets itself. Their values may be
	// templates, and are never shown. Default: none.
	Headers map[string]config.Secret `yaml:"headers"`
}

// SetDefaults does nothing: the zero value of each field is its default.
func (c *Config) SetDefaults() {}

// Validate reports what is wrong, and shows no part of a URL, secret or header value in doing so.
func (c *Config) Validate(report func(field, problem string)) {
	c.checkRequest(report)
	newSigner(c.Signing, c.Secret, c.Secrets, report)
	c.checkHeaders(report)
	c.Auth.check(c.Headers, c.Egress, report)
	c.TLS.config(report)
	if c.TLS != (TLS{}) && strings.HasPrefix(c.URL, "http://") {
		report("tls", "has no effect on a URL that begins with http://: make it https://, or take this out")
	}
	if _, err := readProxy(c.Proxy); err != nil {
		report("proxy", err.Error())
	}
	switch c.Egress {
	case "", GuardDefault, GuardStrict, GuardPermissive:
	default:
		report("egress", fmt.Sprintf("unknown guard %q: there are default, strict and permissive", c.Egress))
	}
}

// Open returns the sink. Nothing is connected to before the first delivery.
func (c *Config) Open(context.Context, string) (sinks.Sink, error) { return New(*c) }

// Sink sends results to one URL, or to one for each.
type Sink struct {
	method    string
	templates templates
	sender    *Sender
}

// New returns a webhook with these settings, or everything that [Config.Validate] finds wrong.
func New(c Config) (*Sink, error) {
	c.SetDefaults()
	var problems []error
	c.Validate(func(field, problem string) {
		problems = append(problems, fmt.Errorf("webhook.%s: %s", field, problem))
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Sink{
		method: cmp.Or(c.Method, http.MethodPost), templates: c.templates(func(string, string) {}), sender: c.sender(),
	}, nil
}

// sender is what the settings say, once they are known to be right.
func (c *Config) sender() *Sender {
	ignore := func(string, string) {}
	proxy, _ := readProxy(c.Proxy)
	security := c.TLS.config(ignore)
	s := &Sender{
		signer:        newSigner(c.Signing, c.Secret, c.Secrets, ignore),
		authorization: c.Auth.fixed(),
		network:       newNetwork(c.guard(), proxy, security, nil),
		userAgent:     userAgent(),
	}
	for _, value := range c.Values {
		s.secrets = append(s.secrets, value.Reveal())
	}
	s.secrets = append(s.secrets, keyForms(append([]config.Secret{c.Secret}, c.Secrets...)...)...)
	if c.Auth.OAuth2 != nil {
		// The name that the receiver's certificate is for is not that of the token's.
		security = security.Clone()
		security.ServerName = ""
		s.tokens = newTokens(*c.Auth.OAuth2, newNetwork(c.Egress, proxy, security, nil))
	}
	return s
}

// Deliver posts each result of the batch by itself, a few of them side by side.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	errs := make([]error, len(batch))
	var posts errgroup.Group
	posts.SetLimit(sideBySide)
	for i, delivery := range batch {
		posts.Go(func() error {
			defer func() { // else the panic would end the worker, and each that takes the result over
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("%s: panicked: %v", s.method, p)
				}
			}()
			errs[i] = s.deliver(ctx, delivery)
			return nil // one result's failure must not stop the others
		})
	}
	_ = posts.Wait()
	return errs
}

func (s *Sink) deliver(ctx context.Context, d sinks.Delivery) error {
	request, err := s.templates.render(d)
	if err != nil {
		return sinks.Permanent(sinks.Label(err, "template"))
	}
	return s.sender.send(ctx, message{
		method: s.method, address: request.url, headers: request.headers, body: request.body,
		id: d.ID, first: d.First, at: d.At, fixed: s.templates.url.parsed == nil, trace: d.TraceContext,
	})
}

// Close closes the connections that are kept for further deliveries.
func (s *Sink) Close(context.Context) error {
	s.sender.Close()
	return nil
}
