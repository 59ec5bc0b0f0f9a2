package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestHTTP_AnAddressThatOthersReach_NeedsTokensAndTLS(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`listen: "127.0.0.1:8088"`:                               "",
		`listen: "localhost:0"`:                                  "",
		`listen: "[::1]:8088"`:                                   "",
		`listen: 8088`:                                           "",
		`listen: ":8088"`:                                        "needs tokens and tls",
		`listen: "0.0.0.0:8088"`:                                 "needs tokens and tls",
		`listen: "[::]:8088", tokens: ["${A}"]`:                  "needs tls",
		`listen: "consign.example:8088", tls: {cert: a, key: b}`: "needs tokens",
		`listen: "10.1.2.3:8088", tls: {cert: a, key: b}, tokens: ["${A}", b]`: "",
		`listen: "0.0.0.0:8088", insecure: true`:                               "",
		`listen: "127.0.0.1"`:                                                  "is not host:port",
		`listen: "127.0.0.1:http"`:                                             "is not a number",
		`listen: 8088, tokens: [""]`:                                           "tokens[0]",
		`listen: 8088, tokens: [a, "${A} "]`:                                   "can stand in no Authorization header",
		`listen: 8088, tokens: ["kéy"]`:                                        "no Authorization header",
		`listen: 8088, tls: {key: b}`:                                          "http.tls.cert: is missing",
	} {
		c, err := parse("http: {"+source+"}", "A", "s3cr3t")
		if want == "" {
			require.NoError(t, err, source)
			require.NoError(t, c.HTTP.CheckListen(), source)
			continue
		}
		require.ErrorContains(t, err, "consign.yaml:1:", source)
		require.ErrorContains(t, err, want, source)
	}
}

func TestHTTP_TokensOfAFile_AreOneALine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens")
	for content, want := range map[string][]string{"one": {"one"}, "one\n": {"one"}, "\r\n one\r\n\ntwo=\r\n\r\n": {"one", "two="}} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		c, err := parse("http: {listen: 8088, tokens: [{file: '" + path + "'}]}")
		require.NoError(t, err)
		tokens, err := config.BearerTokens(c.HTTP.Tokens[0])
		require.NoError(t, err)
		require.Equal(t, want, tokens)
		require.Equal(t, path, c.HTTP.Tokens[0].File())

		require.NoError(t, os.WriteFile(path, []byte("another"), 0o600))
		again, err := c.HTTP.Tokens[0].Reread()
		require.NoError(t, err)
		require.Equal(t, "another", again.Reveal())
	}
	for content, want := range map[string]string{"\n \n\n": "holds no token", "one\nt w o\n": "line 2 of the file can stand in no Authorization header"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := parse("http: {listen: 8088, tokens: [{file: '" + path + "'}]}")
		require.ErrorContains(t, err, "consign.yaml:1:31: http.tokens[0]")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "t w o")
	}
}
