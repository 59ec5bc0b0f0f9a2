package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/kafka"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// requireRefused checks that a sink fails transiently, with that label and without the password.
func requireRefused(t *testing.T, sink *kafka.Sink, batch []sinks.Delivery, label string) {
	t.Helper()
	for range 2 {
		for _, err := range deliver(t, sink, batch) {
			failure := sinks.Classify(err)
			require.False(t, failure.Permanent, failure.Message)
			require.Equal(t, label, failure.Label, failure.Message)
			require.NotContains(t, failure.Message, password)
		}
	}
}

func TestDeliver_EachMechanism_IsTakenAndAWrongPasswordIsTransient(t *testing.T) {
	t.Parallel()
	for mechanism, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			c := serve(t, 1, []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(name, "consign", password), kfake.Superuser("PLAIN", "test", "test")},
				kgo.SASL(plain.Auth{User: "test", Pass: "test"}.AsMechanism()))
			batch := sinktest.Deliveries("login", 2)
			as := func(text string) func(*kafka.Config) {
				return func(s *kafka.Config) {
					s.SASL = &kafka.SASL{Mechanism: mechanism, User: "consign", Password: config.NewSecret(text)}
				}
			}
			for _, err := range deliver(t, open(t, c, as(password)), batch) {
				require.NoError(t, err)
			}
			// kfake hangs up, as old brokers do.
			requireRefused(t, open(t, c, as("wrong-"+password)), batch, "connection reset")
			// Kafka itself says what it thinks of a login.
			fault := c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, TopLevel: true, Err: kerr.SaslAuthenticationFailed, Count: -1})
			requireRefused(t, open(t, c, as("wrong-"+password)), batch, "not authenticated")
			fault.Remove()
			require.Len(t, c.records(t, topic), 2)
		})
	}
}

func TestDeliver_AMechanismThatTheClusterLacks_IsTransient(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "consign", password)})
	c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLHandshake}, TopLevel: true, Err: kerr.UnsupportedSaslMechanism, Count: -1})
	requireRefused(t, open(t, c, func(s *kafka.Config) {
		s.SASL = &kafka.SASL{Mechanism: "scram-sha-512", User: "consign", Password: config.NewSecret(password)}
	}), sinktest.Deliveries("mechanism", 2), "not authenticated")
}

func TestDeliver_TLSWithAPrivateAuthority_TakesAndShowsCertificates(t *testing.T) {
	t.Parallel()
	certificates := sinktest.NewCertificates(t)
	trust := sinks.TLS{CA: certificates.CA, ClientCert: certificates.ClientCert, ClientKey: certificates.ClientKey}
	settings, err := trust.Config()
	require.NoError(t, err)
	c := serve(t, 1, []kfake.Opt{kfake.TLS(certificates.Server)}, kgo.DialTLSConfig(settings))
	batch := sinktest.Deliveries("tls", 2)
	for _, err := range deliver(t, open(t, c, func(s *kafka.Config) { s.TLS = &trust }), batch) {
		require.NoError(t, err)
	}
	requireRefused(t, open(t, c, func(s *kafka.Config) { s.TLS = &sinks.TLS{} }), batch, "bad certificate")
	requireRefused(t, open(t, c, func(s *kafka.Config) { s.TLS = &sinks.TLS{CA: certificates.CA, ServerName: "elsewhere"} }), batch, "bad certificate")
	// Without a certificate of its own, the client is hung up on.
	for _, err := range deliver(t, open(t, c, func(s *kafka.Config) { s.TLS = &sinks.TLS{CA: certificates.CA} }), batch) {
		require.ErrorContains(t, err, "certificate required")
	}
	require.Len(t, c.records(t, topic), 2)
}

func TestDeliver_WhatACLsForbid_IsTransientAtItsIndices(t *testing.T) {
	t.Parallel()
	allow := func(name string) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationWrite, Allow: true}
	}
	c := serve(t, 1, []kfake.Opt{
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "consign", password, allow(topic)), kfake.Superuser("PLAIN", "test", "test"),
	}, kgo.SASL(plain.Auth{User: "test", Pass: "test"}.AsMechanism()))
	sink := open(t, c, func(s *kafka.Config) {
		s.SASL = &kafka.SASL{Mechanism: "plain", User: "consign", Password: config.NewSecret(password)}
	})
	batch := sinktest.Deliveries("acl", 3)
	batch[1].Result.Type = consign.IncidentType
	errs := deliver(t, sink, batch)
	require.NoError(t, errs[0])
	require.NoError(t, errs[2])
	failure := sinks.Classify(errs[1])
	require.False(t, failure.Permanent)
	require.Equal(t, "not authorized", failure.Label, failure.Message)
	require.Contains(t, failure.Message, "produce to "+incidents)
	require.Len(t, c.records(t, topic), 2)
}
