package nats_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/nats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestConfig_EachMistake_NamesTheFieldAndTheRemedyAndNoSecret(t *testing.T) {
	t.Parallel()
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	seed, err := account.Seed()
	require.NoError(t, err)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	secret := config.NewSecret(password)
	good := nats.Config{Server: nats.Server{URL: "nats://localhost"}, Subject: subject}
	with := func(change func(*nats.Config)) nats.Config {
		changed := good
		change(&changed)
		return changed
	}
	for _, test := range []struct {
		config        nats.Config
		field, remedy string
	}{
		{nats.Config{Subject: subject}, "url", "is missing"},
		{with(func(c *nats.Config) { c.URL = "localhost:4222" }), "url", "begin each server with nats://"},
		{with(func(c *nats.Config) { c.URL = "nats://a:4222,b:4222" }), "url", "begin each server with nats://"},
		{with(func(c *nats.Config) { c.URL = "https://localhost" }), "url", `unknown scheme "https"`},
		{with(func(c *nats.Config) { c.URL = "nats://:4222" }), "url", "names no host"},
		{with(func(c *nats.Config) { c.URL = "nats://localhost:99999" }), "url", "1 to 65535"},
		{with(func(c *nats.Config) { c.URL = "nats://me:" + password + "@localhost" }), "url", "set user and password"},
		{with(func(c *nats.Config) { c.URL = "nats://" + password + "@localhost" }), "url", "set user and password"},
		{with(func(c *nats.Config) { c.URL = "nats://me:" + password + " @localhost" }), "url", "is not a URL"},
		{with(func(c *nats.Config) { c.URL = "nats://localhost:4222/detections" }), "url", "the subject has a field of its own"},
		{with(func(c *nats.Config) { c.Subject = "" }), "subject", "is missing"},
		{with(func(c *nats.Config) { c.Subject = "detections.>" }), "subject", "holds the wildcard >"},
		{with(func(c *nats.Config) { c.Subject = "detections..edr" }), "subject", "an empty part"},
		{with(func(c *nats.Config) { c.Subject = "de tections" }), "subject", "holds a blank"},
		{with(func(c *nats.Config) { c.IncidentSubject = "incidents.*" }), "incident_subject", "holds the wildcard *"},
		{with(func(c *nats.Config) { c.InboxPrefix = "_INBOX.>" }), "inbox_prefix", "holds the wildcard >"},
		{with(func(c *nats.Config) { c.Format = "xml" }), "format", `"xml": expected one of ndjson, ocsf, cloudevents`},
		{with(func(c *nats.Config) { c.Password = secret }), "user", "is missing"},
		{with(func(c *nats.Config) { c.User = "me" }), "password", "is missing"},
		{with(func(c *nats.Config) { c.User, c.Password, c.Token = "me", secret, secret }), "user", "beside token: keep one"},
		{with(func(c *nats.Config) { c.NKey = secret }), "nkey", "begins with SU"},
		{with(func(c *nats.Config) { c.NKey = config.NewSecret(string(seed)) }), "nkey", "not a user's"},
		{with(func(c *nats.Config) { c.Credentials = config.NewSecret("/etc/" + password) }), "credentials", "{file: /run/secrets/user.creds}"},
		{with(func(c *nats.Config) { c.Credentials = config.NewSecret(string(seed)) }), "credentials", "{file: /run/secrets/user.creds}"},
		{with(func(c *nats.Config) { c.TLS = &sinks.TLS{CA: "missing.pem"} }), "tls.ca", "open missing.pem: no such file"},
		{with(func(c *nats.Config) { c.TLS = &sinks.TLS{CA: empty} }), "tls.ca", "BEGIN CERTIFICATE"},
		{with(func(c *nats.Config) { c.TLS = &sinks.TLS{ClientCert: empty} }), "tls.client_key", "is missing"},
		{with(func(c *nats.Config) { c.TLS = &sinks.TLS{ClientKey: empty} }), "tls.client_cert", "is missing"},
		{with(func(c *nats.Config) { c.TLS = &sinks.TLS{ClientCert: empty, ClientKey: empty} }), "tls.client_cert", "no certificate with its key"},
	} {
		test.config.SetDefaults()
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, password)
			require.NotContains(t, problem, string(seed))
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
		_, err := nats.New(test.config)
		require.ErrorContains(t, err, "nats."+test.field+": ")
	}
}

func TestConfig_ExampleOfThePackage_IsAConfiguration(t *testing.T) {
	t.Parallel()
	parsed, err := config.Parse("example.yaml", []byte(sinktest.Example(t, "nats.go")), []config.Kind{nats.Kind()},
		func(name string) (string, bool) { return password, name == "NATS_PASSWORD" })
	require.NoError(t, err)
	require.Len(t, parsed.Sinks, 1)
	require.True(t, parsed.Sinks[0].Incidents)
	settings := parsed.Sinks[0].Settings.(*nats.Config)
	require.Equal(t, &nats.Config{
		Server: nats.Server{
			URL: "nats://nats-1.example.com:4222,nats://nats-2.example.com:4222", InboxPrefix: "_INBOX",
			User: "consign", Password: config.NewSecret(password), TLS: &sinks.TLS{ServerName: "nats.example.com"},
		},
		Subject: "detections.edr", IncidentSubject: "detections.incidents",
	}, settings)
	sink, err := settings.Open(t.Context(), parsed.Sinks[0].Name)
	require.NoError(t, err)
	require.NoError(t, sink.Close(t.Context()))
}
