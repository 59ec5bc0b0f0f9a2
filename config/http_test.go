package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
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
