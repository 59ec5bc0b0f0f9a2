package nats_test

import (
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/nats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// login is one way to prove who Consign is.
type login struct {
	server       server.Options
	right, wrong func(*nats.Config)
	// test is how the test itself logs in.
	test []natsgo.Option
	// label of the failure with the wrong login.
	label string
}

func TestDeliver_EachWayToLogIn_IsTakenAndTheWrongOneIsTransient(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]login{
		"user": {
			server: server.Options{Username: "consign", Password: password},
			right:  func(c *nats.Config) { c.User, c.Password = "consign", config.NewSecret(password) },
			wrong:  func(c *nats.Config) { c.User, c.Password = "consign", config.NewSecret("wrong-"+password) },
			test:   []natsgo.Option{natsgo.UserInfo("consign", password)}, label: "not authenticated",
		},
		"token": {
			server: server.Options{Authorization: password},
			right:  func(c *nats.Config) { c.Token = config.NewSecret(password) },
			wrong:  func(c *nats.Config) { c.Token = config.NewSecret("wrong-" + password) },
			test:   []natsgo.Option{natsgo.Token(password)}, label: "not authenticated",
		},
		"nkey":        withNKey(t),
		"credentials": withCredentials(t),
		"certificate": withCertificate(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, way.server, way.test...)
			c.stream(t, nil)
			batch := sinktest.Deliveries("login", 2)
			for _, err := range deliver(t, open(t, c.address(), way.right), batch) {
				require.NoError(t, err)
			}
			sink := open(t, c.address(), way.wrong)
			for _, err := range deliver(t, sink, batch) {
				failure := sinks.Classify(err)
				require.False(t, failure.Permanent, failure.Message)
				require.Equal(t, way.label, failure.Label, failure.Message)
				require.NotContains(t, failure.Message, password)
			}
			require.Len(t, c.messages(t), 2)
		})
	}
}

func TestDeliver_APasswordPutRightAtTheServer_IsTakenWithoutARestart(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{Username: "consign", Password: "old"}, natsgo.UserInfo("consign", "old"))
	c.stream(t, nil)
	sink := open(t, c.address(), func(s *nats.Config) { s.User, s.Password = "consign", config.NewSecret("new") })
	batch := sinktest.Deliveries("password", 2)
	for range 3 {
		for _, err := range deliver(t, sink, batch) {
			require.Equal(t, "not authenticated", sinks.Classify(err).Label)
		}
	}
	c.stop()
	c.options.Password, c.login = "new", []natsgo.Option{natsgo.UserInfo("consign", "new")}
	c.start(t)
	deliverAtLast(t, sink, batch)
}

func withNKey(t *testing.T) login {
	t.Helper()
	public, seed := user(t)
	_, stranger := user(t)
	return login{
		server: server.Options{Nkeys: []*server.NkeyUser{{Nkey: public}}, Users: []*server.User{{Username: "admin", Password: "admin"}}},
		right:  func(c *nats.Config) { c.NKey = config.NewSecret(seed) },
		wrong:  func(c *nats.Config) { c.NKey = config.NewSecret(stranger) },
		test:   []natsgo.Option{natsgo.UserInfo("admin", "admin")}, label: "not authenticated",
	}
}

// withCredentials sets up an operator, an account with JetStream, and a user of it.
func withCredentials(t *testing.T) login {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	require.NoError(t, err)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	system, err := nkeys.CreateAccount()
	require.NoError(t, err)
	identity := func(pair nkeys.KeyPair) string {
		public, err := pair.PublicKey()
		require.NoError(t, err)
		return public
	}
	resolver := &server.MemAccResolver{}
	for _, pair := range []nkeys.KeyPair{account, system} {
		claims := jwt.NewAccountClaims(identity(pair))
		if pair == account {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		token, err := claims.Encode(operator)
		require.NoError(t, err)
		require.NoError(t, resolver.Store(identity(pair), token))
	}
	credentials := func(signer nkeys.KeyPair) string {
		public, seed := user(t)
		token, err := jwt.NewUserClaims(public).Encode(signer)
		require.NoError(t, err)
		file, err := jwt.FormatUserConfig(token, []byte(seed))
		require.NoError(t, err)
		return string(file)
	}
	stranger, err := nkeys.CreateAccount()
	require.NoError(t, err)
	right := credentials(account)
	claims := jwt.NewOperatorClaims(identity(operator))
	claims.SystemAccount = identity(system)
	return login{
		server: server.Options{TrustedOperators: []*jwt.OperatorClaims{claims}, AccountResolver: resolver, SystemAccount: identity(system)},
		right:  func(c *nats.Config) { c.Credentials = config.NewSecret(right) },
		wrong:  func(c *nats.Config) { c.Credentials = config.NewSecret(credentials(stranger)) },
		test:   []natsgo.Option{natsgo.UserCredentialBytes([]byte(right))}, label: "not authenticated",
	}
}

// withCertificate asks for a client certificate under a private authority.
func withCertificate(t *testing.T) login {
	t.Helper()
	certificates := sinktest.NewCertificates(t)
	trust := sinks.TLS{CA: certificates.CA, ClientCert: certificates.ClientCert, ClientKey: certificates.ClientKey}
	settings, err := trust.Config()
	require.NoError(t, err)
	return login{
		server: server.Options{TLS: true, TLSVerify: true, TLSTimeout: 5, TLSConfig: certificates.Server},
		right:  func(c *nats.Config) { c.TLS = &trust },
		wrong:  func(c *nats.Config) { c.TLS = nil }, // and so trusts the system's authorities alone
		test:   []natsgo.Option{natsgo.Secure(settings)}, label: "bad certificate",
	}
}

func user(t *testing.T) (public, seed string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	raw, err := pair.Seed()
	require.NoError(t, err)
	return public, string(raw)
}
