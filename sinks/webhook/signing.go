package webhook

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/http/httpguts"

	"github.com/consign-dev/consign/config"
)

// Schemes of signing.
const (
	schemeStandard = "standard"
	schemeGitHub   = "github"
	schemeCustom   = "custom"
)

// githubHeader is where GitHub's own webhooks carry their signature.
const githubHeader = "X-Hub-Signature-256"

// Signing says how requests are signed with the secrets.
type Signing struct {
	// Scheme is "standard" (Standard Webhooks: the header webhook-signature), "github" (the header
	// X-Hub-Signature-256 with "sha256=" and the hex HMAC of the body, as GitHub's own webhooks have
	// it) or "custom" (as the fields below say). Default standard.
	Scheme string `yaml:"scheme"`
	// SecretEncoding of a github or custom secret: "utf8", its bytes as they are, or "base64", where a
	// "whsec_" in front is left out. Default utf8. The standard scheme knows by the prefix.
	SecretEncoding string `yaml:"secret_encoding"`
	// SignatureHeader carries the signature. Required by custom, and for custom alone, as are all
	// fields below.
	SignatureHeader string `yaml:"signature_header"`
	// IDHeader carries the delivery id too. Default: webhook-id alone does.
	IDHeader string `yaml:"id_header"`
	// TimestampHeader carries the timestamp too, in Unix seconds. Default: webhook-timestamp alone does.
	TimestampHeader string `yaml:"timestamp_header"`
	// Algorithm of the HMAC: "sha256" or "sha512". Default sha256.
	Algorithm string `yaml:"algorithm"`
	// Encoding of the signature: "hex", in lower case, or "base64". Default hex.
	Encoding string `yaml:"encoding"`
	// SignedPayload is what is signed, of {body}, {timestamp}, {id} and any text between them, such as
	// "{timestamp}.{body}". It must hold {body}. Default "{body}".
	SignedPayload string `yaml:"signed_payload"`
	// ValueFormat is the header's value, of {signature}, {timestamp}, {id} and any text, such as
	// "sha512={signature}" or "t={timestamp},v1={signature}". It must hold {signature}. Default
	// "{signature}".
	ValueFormat string `yaml:"value_format"`
	// Separator stands between the values of several secrets. Default one blank.
	Separator string `yaml:"separator"`
}

// signer signs requests, with each of its secrets.
type signer struct {
	header, separator string
	// idHeader and timestampHeader are further ones beside those of Standard Webhooks; empty: none.
	idHeader, timestampHeader string
	signatures                []signature
}

// sign sets the headers that a signature needs. A nil signer sets none.
func (s *signer) sign(header http.Header, id string, stamp time.Time, body []byte) error {
	if s == nil {
		return nil
	}
	values := make([]string, len(s.signatures))
	for i, signature := range s.signatures {
		var err error
		if values[i], err = signature(id, stamp, body); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
	}
	header.Set(s.header, strings.Join(values, s.separator))
	if s.idHeader != "" {
		header.Set(s.idHeader, id)
	}
	if s.timestampHeader != "" {
		header.Set(s.timestampHeader, strconv.FormatInt(stamp.Unix(), 10))
	}
	return nil
}

// newSigner returns what signs with secret and more, and nil if there is none. What is wrong is
// reported by field.
func newSigner(how Signing, secret config.Secret, more []config.Secret, report func(field, problem string)) *signer {
	s := &signer{header: standardwebhooks.HeaderWebhookSignature, separator: " "}
	sign := standardSignature
	switch how.Scheme {
	case "", schemeStandard:
	case schemeGitHub:
		s.header, sign = githubHeader, how.githubSignature
		if len(more) > 0 {
			report("secrets", "cannot be used with signing.scheme github, whose header holds one signature: have the receiver take both secrets, then change secret")
		}
	case schemeCustom:
		s.header, sign = how.SignatureHeader, how.customSignature
		s.idHeader, s.timestampHeader = how.IDHeader, how.TimestampHeader
		s.separator = cmp.Or(how.Separator, s.separator)
	default:
		report("signing.scheme", fmt.Sprintf("unknown scheme %q: there are standard, github and custom", how.Scheme))
		return nil
	}
	how.check(report)
	add := func(field string, secret config.Secret) {
		signature, err := sign(secret.Reveal())
		if err != nil {
			report(field, err.Error())
			return
		}
		s.signatures = append(s.signatures, signature)
	}
	if secret.IsZero() {
		switch {
		case len(more) > 0:
			report("secrets", "are further secrets beside the field secret, which is missing: put the first one there")
		case how != Signing{}:
			report("signing", "says how to sign, but secret is missing: set it, or take this out")
		}
		return nil
	}
	add("secret", secret)
	for i, one := range more {
		field := fmt.Sprintf("secrets[%d]", i)
		if one.IsZero() {
			report(field, "is empty: take it out")
			continue
		}
		add(field, one)
	}
	return s
}

// check reports what is wrong with the fields that do not depend on a secret.
func (how Signing) check(report func(field, problem string)) {
	oneOf := func(field, value string, allowed ...string) {
		if value != "" && !slices.Contains(allowed, value) {
			report("signing."+field, fmt.Sprintf("unknown %s %q: there are %s", strings.ReplaceAll(field, "_", " "), value, strings.Join(allowed, " and ")))
		}
	}
	oneOf("secret_encoding", how.SecretEncoding, "utf8", "base64")
	if how.Scheme != schemeCustom {
		if how.SecretEncoding != "" && how.Scheme != schemeGitHub {
			report("signing.secret_encoding", `has no effect on the standard scheme, where "whsec_" says it: take it out`)
		}
		how.Scheme, how.SecretEncoding = "", ""
		if how != (Signing{}) {
			report("signing", "has settings that are for the scheme custom alone: set scheme: custom, or take them out")
		}
		return
	}
	oneOf("algorithm", how.Algorithm, "sha256", "sha512")
	oneOf("encoding", how.Encoding, "hex", "base64")
	if how.SignatureHeader == "" {
		report("signing.signature_header", "is missing: say which header carries the signature, such as X-Signature")
	}
	for _, one := range [][2]string{{"signature_header", how.SignatureHeader}, {"id_header", how.IDHeader}, {"timestamp_header", how.TimestampHeader}} {
		field, name := "signing."+one[0], one[1]
		switch {
		case name == "":
		case !httpguts.ValidHeaderFieldName(name):
			report(field, "is not a header name: letters, digits and dashes will do")
		case slices.Contains(ours(), http.CanonicalHeaderKey(name)):
			report(field, "is a header that Consign sets itself: choose another")
		}
	}
	placeholders := func(field, format, required string, allowed ...string) {
		for _, found := range regexp.MustCompile(`\{[^{}]*\}`).FindAllString(format, -1) {
			if !slices.Contains(allowed, found) {
				report("signing."+field, fmt.Sprintf("unknown placeholder %s: there are %s", found, strings.Join(allowed, ", ")))
			}
		}
		if format != "" && !strings.Contains(format, required) {
			report("signing."+field, "does not hold "+required)
		}
	}
	placeholders("signed_payload", how.SignedPayload, "{body}", "{body}", "{timestamp}", "{id}")
	placeholders("value_format", how.ValueFormat, "{signature}", "{signature}", "{timestamp}", "{id}")
	if !httpguts.ValidHeaderFieldValue(how.ValueFormat + how.Separator) {
		report("signing", "value_format and separator must hold no line break or control character")
	}
}
