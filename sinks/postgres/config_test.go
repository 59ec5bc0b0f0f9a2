package postgres_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/postgres"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const secret = "s3cr3t-w0rd"

func TestConfig_ExampleOfThePackage_IsRead(t *testing.T) {
	t.Parallel()
	const address = "postgres://consign:" + secret + "@db.example.com/security"
	read, err := config.Parse("consign.yaml", []byte(sinktest.Example(t, "postgres.go")), []config.Kind{postgres.Kind()},
		func(name string) (string, bool) { return address, name == "WAREHOUSE_URL" })
	require.NoError(t, err)
	require.Len(t, read.Sinks, 1)
	settings := read.Sinks[0].Settings.(*postgres.Config)
	require.Equal(t, address, settings.URL.Reveal())
	require.Equal(t, "detections.results", settings.Table)
	require.True(t, *settings.Create)
}

func TestConfig_NothingButTheURL_HasDefaults(t *testing.T) {
	t.Parallel()
	settings := &postgres.Config{URL: config.NewSecret("postgres:///x")}
	settings.SetDefaults()
	require.Equal(t, "consign_results", settings.Table)
	require.True(t, *settings.Create)
}

func TestConfig_EachMistake_NamesTheFieldAndTheRemedyAndNoSecret(t *testing.T) {
	t.Parallel()
	const good = "postgres://deliverer:" + secret + "@db.example.com/security"
	for _, test := range []struct{ url, table, field, remedy string }{
		{"", "", "url", "is missing"},
		{"mysql://deliverer:" + secret + "@h/d", "", "url", `unknown scheme "mysql": begin it with postgres://`},
		{"deliverer:" + secret + "@h/d", "", "url", "begin it with postgres://"},
		{"deliverer:" + secret + "://h/d", "", "url", "has no scheme"},
		{"postgres://deliverer:" + secret + "/%zz@h/d", "", "url", "percent-encoded"},
		{"postgres://deliverer:" + secret + "@h:port/d", "", "url", "is not a URL"},
		{good + "?sslmode=strict", "", "url", "sslmode is invalid"},
		{good + "?sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "", "url", "/nowhere/ca.pem"},
		{good + "?default_query_exec_mode=simple_protocol", "", "url", "write exec"},
		{good + "?pool_max_conns=none", "", "url", "pool_max_conns"},
		{good + "?connect_timeout=" + secret, "", "url", "connect_timeout"},
		{"host=h user=deliverer password=" + secret + " sslmode=strict", "", "url", "sslmode is invalid"},
		{good, "a.b.c", "table", "write NAME or SCHEMA.NAME"},
		{good, "a.", "table", "lacks a name beside the dot"},
		{good, `"a"`, "table", "it is quoted for you"},
		{good, "a\nb", "table", "cannot be printed"},
		{good, strings.Repeat("x", 64), "table", "keeps 63"},
	} {
		settings := postgres.Config{URL: config.NewSecret(test.url), Table: test.table}
		settings.SetDefaults()
		var fields []string
		settings.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, secret)
			require.NotContains(t, problem, "deliverer:")
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
		_, err := postgres.New(settings)
		require.ErrorContains(t, err, "postgres."+test.field+": ")
	}
}
