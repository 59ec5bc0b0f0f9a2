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
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// signature is one value of the header. It must not keep body.
type signature func(id string, stamp time.Time, body []byte) (string, error)

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
