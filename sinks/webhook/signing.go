package webhook

import (
	"cmp"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
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

// signature is one value of the header. It must not keep body.
type signature func(id string, stamp time.Time, body []byte) (string, error)

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

// Sizes of a Standard Webhooks secret in bytes, by the specification.
const minKey, maxKey = 24, 64

const (
	makeSymmetric  = `make one with: echo "whsec_$(openssl rand -base64 32)"`
	makeAsymmetric = `make one with: echo "whsk_$(openssl rand -base64 32)"`
)

// standardSignature signs with a Standard Webhooks secret: by HMAC-SHA256 (v1), or by ed25519 (v1a) where
// the secret is a private key.
func standardSignature(text string) (signature, error) {
	if seed, private := strings.CutPrefix(text, "whsk_"); private {
		return asymmetricSignature(seed)
	}
	key := []byte(text)
	encoded, prefixed := strings.CutPrefix(text, "whsec_")
	switch {
	case strings.HasPrefix(text, "whpk_"):
		return nil, errors.New(`is a public key, which is for receivers: sign with the private one, which begins with "whsk_"`)
	case prefixed:
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New(`is not base64 after "whsec_": ` + makeSymmetric)
		}
	}
	if len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("holds %d bytes, Standard Webhooks asks for %d to %d: %s", len(key), minKey, maxKey, makeSymmetric)
	}
	webhook, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, err
	}
	return webhook.Sign, nil
}

// asymmetricSignature signs with an ed25519 key: its seed, or seed and public key together, as libsodium
// and others write it.
func asymmetricSignature(encoded string) (signature, error) {
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New(`is not base64 after "whsk_": ` + makeAsymmetric)
	}
	if len(key) != ed25519.SeedSize && len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("holds %d bytes, an ed25519 key has %d, or %d with its public key: %s", len(key), ed25519.SeedSize, ed25519.PrivateKeySize, makeAsymmetric)
	}
	private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	if len(key) == ed25519.PrivateKeySize && !slices.Equal(key, private) {
		return nil, errors.New("is an ed25519 key whose public half belongs to another: " + makeAsymmetric)
	}
	return func(id string, stamp time.Time, body []byte) (string, error) {
		message := fmt.Appendf(nil, "%s.%d.%s", id, stamp.Unix(), body)
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, message)), nil
	}, nil
}

func (how Signing) githubSignature(text string) (signature, error) {
	return Signing{SecretEncoding: how.SecretEncoding, ValueFormat: "sha256={signature}"}.customSignature(text)
}

func (how Signing) customSignature(text string) (signature, error) {
	key := []byte(text)
	if how.SecretEncoding == "base64" {
		var err error
		if key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_")); err != nil || len(key) == 0 {
			return nil, errors.New("is not base64, as signing.secret_encoding says")
		}
	}
	algorithm, encode := sha256.New, hex.EncodeToString
	if how.Algorithm == "sha512" {
		algorithm = sha512.New
	}
	if how.Encoding == "base64" {
		encode = base64.StdEncoding.EncodeToString
	}
	payload := cmp.Or(how.SignedPayload, "{body}")
	format := cmp.Or(how.ValueFormat, "{signature}")
	return func(id string, stamp time.Time, body []byte) (string, error) {
		timestamp := strconv.FormatInt(stamp.Unix(), 10)
		mac := hmac.New(algorithm, key)
		mac.Write([]byte(strings.NewReplacer("{id}", id, "{timestamp}", timestamp, "{body}", string(body)).Replace(payload)))
		return strings.NewReplacer("{id}", id, "{timestamp}", timestamp, "{signature}", encode(mac.Sum(nil))).Replace(format), nil
	}, nil
}
