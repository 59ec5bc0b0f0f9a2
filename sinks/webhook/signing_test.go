package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// seed is that of the reference library's own test of v1a.
const seed = "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="

// signed is the header that a signer gives the reference request.
func signed(t *testing.T, how Signing, secret string, more ...string) http.Header {
	t.Helper()
	rest := make([]config.Secret, len(more))
	for i, one := range more {
		rest[i] = config.NewSecret(one)
	}
	s := newSigner(how, config.NewSecret(secret), rest, func(field, problem string) { t.Fatal(field, problem) })
	header := http.Header{}
	require.NoError(t, s.sign(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
	return header
}

func TestSigning_Standard_IsAsTheReferenceLibrarySigns(t *testing.T) {
	t.Parallel()
	const (
		v1  = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
		v1a = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
	)
	require.Equal(t, v1, signed(t, Signing{}, key).Get("webhook-signature"))
	require.Equal(t, v1a, signed(t, Signing{Scheme: "standard"}, "whsk_"+seed).Get("webhook-signature"))

	raw, err := base64.StdEncoding.DecodeString(seed)
	require.NoError(t, err)
	whole := base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(raw))
	require.Equal(t, v1a, signed(t, Signing{}, "whsk_"+whole).Get("webhook-signature"), "the key as libsodium writes it")

	require.Equal(t, v1+" "+v1a, signed(t, Signing{}, key, "whsk_"+seed).Get("webhook-signature"), "side by side, in the order of the secrets")
}

func TestSigning_GitHub_IsAsGitHubDocuments(t *testing.T) {
	t.Parallel()
	// The vector of "Validating webhook deliveries" in GitHub's documentation.
	s := newSigner(Signing{Scheme: "github"}, config.NewSecret("It's a Secret to Everybody"), nil, func(field, problem string) { t.Fatal(field, problem) })
	header := http.Header{}
	require.NoError(t, s.sign(header, "msg_1", time.Now(), []byte("Hello, World!")))
	require.Equal(t, http.Header{"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}, header)
}

func TestSigning_Custom_SignsWhatItsFieldsSay(t *testing.T) {
	t.Parallel()
	mac := hmac.New(sha256.New, []byte("kitty"))
	mac.Write([]byte(`1614265330.{"test": 2432232314}`))
	stripe := "t=1614265330,v1=" + hex.EncodeToString(mac.Sum(nil))
	require.Equal(t, http.Header{"Stripe-Signature": {stripe}}, signed(t, Signing{
		Scheme: "custom", SignatureHeader: "Stripe-Signature", SignedPayload: "{timestamp}.{body}", ValueFormat: "t={timestamp},v1={signature}",
	}, "kitty"))

	header := signed(t, Signing{
		Scheme: "custom", SecretEncoding: "base64", Algorithm: "sha512", Encoding: "base64",
		SignatureHeader: "X-Signature", IDHeader: "X-Id", TimestampHeader: "X-Time",
		SignedPayload: "v0:{id}:{timestamp}:{body}:end", ValueFormat: "{id}={signature}", Separator: ", ",
	}, "whsec_a2l0dHk=", "ZG9n")
	// printf 'v0:msg_p5jXN8AQM9LWM0D4loKWxJek:1614265330:{"test": 2432232314}:end' | openssl dgst -sha512 -hmac kitty -binary | base64 -w0, and dog
	require.Equal(t, http.Header{
		"X-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "X-Time": {"1614265330"},
		"X-Signature": {"msg_p5jXN8AQM9LWM0D4loKWxJek=6KHEJN3hV0PSngO3lnPB2vj4s6r0ZwDTGBHZPi9EWpJagNfyC5eDfs04CHMkvleNya1UhFqdr2+VZ8Jl4W4sMg==, msg_p5jXN8AQM9LWM0D4loKWxJek=cGU9AlvOzjNTEgh3GlJBGdcS6szbzE9aoF263jXbf/iqkDLgQ2RNsy1kAPI7pAB+C7eUO8OkGtGt5C/o32IYqQ=="},
	}, header)
}

func TestSigning_EachMistake_NamesItsField(t *testing.T) {
	t.Parallel()
	custom := func(change func(*Signing)) Signing {
		how := Signing{Scheme: "custom", SignatureHeader: "X-Signature"}
		change(&how)
		return how
	}
	secret := config.NewSecret(key)
	for _, test := range []struct {
		config        Config
		field, remedy string
	}{
		{Config{Signing: Signing{Scheme: "githup"}, Secret: secret}, "signing.scheme", "standard, github and custom"},
		{Config{Signing: Signing{Scheme: "github"}}, "signing", "secret is missing"},
		{Config{Secrets: []config.Secret{secret}}, "secrets", "secret, which is missing"},
		{Config{Secret: secret, Secrets: []config.Secret{{}}}, "secrets[0]", "is empty"},
		{Config{Secret: secret, Secrets: []config.Secret{config.NewSecret("whsec_c2hvcnQ=")}}, "secrets[0]", "holds 5 bytes"},
		{Config{Signing: Signing{Scheme: "github"}, Secret: secret, Secrets: []config.Secret{secret}}, "secrets", "one signature"},
		{Config{Signing: Signing{Algorithm: "sha512"}, Secret: secret}, "signing", "scheme: custom"},
		{Config{Signing: Signing{SecretEncoding: "base64"}, Secret: secret}, "signing.secret_encoding", "whsec_"},
		{Config{Signing: Signing{Scheme: "github", SecretEncoding: "base64"}, Secret: config.NewSecret(password + "!")}, "secret", "not base64"},
		{Config{Signing: Signing{Scheme: "custom"}, Secret: secret}, "signing.signature_header", "is missing"},
		{Config{Signing: custom(func(s *Signing) { s.SignatureHeader = "webhook-id" }), Secret: secret}, "signing.signature_header", "sets itself"},
		{Config{Signing: custom(func(s *Signing) { s.IDHeader = "a b" }), Secret: secret}, "signing.id_header", "not a header name"},
		{Config{Signing: custom(func(s *Signing) { s.Algorithm = "md5" }), Secret: secret}, "signing.algorithm", "sha256 and sha512"},
		{Config{Signing: custom(func(s *Signing) { s.Encoding = "base32" }), Secret: secret}, "signing.encoding", "hex and base64"},
		{Config{Signing: custom(func(s *Signing) { s.SignedPayload = "{timestamp}" }), Secret: secret}, "signing.signed_payload", "{body}"},
		{Config{Signing: custom(func(s *Signing) { s.ValueFormat = "{signature}{secret}" }), Secret: secret}, "signing.value_format", "unknown placeholder {secret}"},
		{Config{Signing: custom(func(s *Signing) { s.ValueFormat = "{signature}\n" }), Secret: secret}, "signing", "line break"},
		{Config{Signing: custom(func(*Signing) {}), Secret: secret, Headers: map[string]config.Secret{"x-signature": secret}}, "headers.x-signature", "signing"},
		{Config{Secret: config.NewSecret("whpk_" + seed)}, "secret", "public key"},
		{Config{Secret: config.NewSecret("whsk_" + seed + "!")}, "secret", "not base64"},
		{Config{Secret: config.NewSecret("whsk_" + base64.StdEncoding.EncodeToString(make([]byte, 64)))}, "secret", "belongs to another"},
	} {
		test.config.URL = "https://example.com/"
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, password)
			require.NotContains(t, problem, strings.TrimPrefix(key, "whsec_"))
			require.NotContains(t, problem, seed)
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
	}
}

func TestDeliver_ASecretBeingRotated_EachReceiverFindsItsOwn(t *testing.T) {
	t.Parallel()
	r := receive(t, nil) // it knows the old secret alone, and refuses what that did not sign
	sink, err := New(Config{
		URL:     r.URL,
		Secret:  config.NewSecret("whsec_" + seed),
		Secrets: []config.Secret{config.NewSecret(key), config.NewSecret("whsk_" + seed)},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(t.Context())) })
	require.NoError(t, attempt(t, sink, delivery(`{}`)))
	require.Regexp(t, `^v1,\S{44} v1,\S{44} v1a,\S{88}$`, r.got()[0].header.Get("webhook-signature"))
}

func TestPost_ASecretOfAcksBeingRotated_EachUpstreamFindsItsOwn(t *testing.T) {
	t.Parallel()
	r := receive(t, nil) // as above
	sender, err := NewSender(config.NewSecret("whsec_"+seed), []config.Secret{config.NewSecret(key)}, GuardDefault)
	require.NoError(t, err)
	t.Cleanup(sender.Close)
	require.NoError(t, sender.Post(t.Context(), r.URL, "msg_1", time.Now(), time.Time{}, []byte(`{}`), nil))
	require.Regexp(t, `^v1,\S{44} v1,\S{44}$`, r.got()[0].header.Get("webhook-signature"))
	_, err = NewSender(config.Secret{}, []config.Secret{config.NewSecret(key)}, GuardDefault)
	require.ErrorContains(t, err, "secrets: are further secrets beside the field secret")
	_, err = NewSender(config.NewSecret(key), []config.Secret{config.NewSecret("whsec_!")}, GuardDefault)
	require.ErrorContains(t, err, "secrets[0]: ")
	require.NotContains(t, err.Error(), "!")
}
