package all_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// read reads a configuration in which words in capitals stand for paths and values.
func read(t *testing.T, text string, words map[string]string) *config.Config {
	t.Helper()
	c, err := config.Parse("", []byte(os.Expand(text, func(word string) string { return words[word] })), all.Kinds(), os.LookupEnv)
	require.NoError(t, err)
	return c
}

func TestFingerprint_TellsASinkFromOneWithAnotherSettingSecretOrFile(t *testing.T) {
	t.Parallel()
	certificates := sinktest.NewCertificates(t)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600))
	const text = `
sinks:
  one:
    webhook: {url: "https://example.com/${url}", secret: {file: ${token}}, tls: {ca: ${ca}}}
    when: ${when}
`
	words := map[string]string{"url": "a", "token": token, "ca": certificates.CA, "when": "true"}
	first := read(t, text, words)
	require.Equal(t, first.Sinks[0].Fingerprint(), read(t, text, words).Sinks[0].Fingerprint())
	require.Subset(t, first.Files(), []string{token, certificates.CA})

	with := func(name, value string) string {
		changed := maps.Clone(words)
		changed[name] = value
		return read(t, text, changed).Sinks[0].Fingerprint()
	}
	require.NotEqual(t, first.Sinks[0].Fingerprint(), with("url", "b"))
	require.NotEqual(t, first.Sinks[0].Fingerprint(), with("when", "false"))

	before := first.Sinks[0].Fingerprint()
	require.NoError(t, os.WriteFile(token, []byte("whsec_AAAQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600))
	require.NotEqual(t, before, read(t, text, words).Sinks[0].Fingerprint(), "a secret that a file holds")

	before = read(t, text, words).Sinks[0].Fingerprint()
	content, err := os.ReadFile(certificates.CA)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certificates.CA, append(content, '\n'), 0o600))
	require.NotEqual(t, before, read(t, text, words).Sinks[0].Fingerprint(), "a certificate")
}

func TestFingerprint_OfHTTP_IsNotThatOfItsFiles_WhichItReadsAnewByItself(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600))
	const text = "http: {listen: 8088, tokens: [{file: ${token}}], max_body: ${most}}"
	words := map[string]string{"token": token, "most": "2048"}
	before := read(t, text, words)
	require.Equal(t, []string{token}, before.Files())
	require.NoError(t, os.WriteFile(token, []byte("whsec_AAAQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600))
	require.Equal(t, before.HTTP.Fingerprint(), read(t, text, words).HTTP.Fingerprint())
	words["most"] = "4096"
	require.NotEqual(t, before.HTTP.Fingerprint(), read(t, text, words).HTTP.Fingerprint())
}
