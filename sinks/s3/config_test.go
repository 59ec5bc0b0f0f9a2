package s3_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/s3"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestConfig_ExampleOfThePackage_IsRead(t *testing.T) {
	t.Parallel()
	read, err := config.Parse("consign.yaml", []byte(sinktest.Example(t, "s3.go")), []config.Kind{s3.Kind()}, none)
	require.NoError(t, err)
	require.Len(t, read.Sinks, 1)
	require.Equal(t, &s3.Config{Bucket: "detections", Prefix: "consign/", Region: "eu-central-1", Compression: "gzip", Format: formats.NDJSON, PathStyle: new(false)}, read.Sinks[0].Settings)
	require.Equal(t, 256, read.Sinks[0].Delivery.BatchMax)
}

func TestConfig_Endpoint_MakesPathStyleTheDefault(t *testing.T) {
	t.Parallel()
	read, err := config.Parse("consign.yaml", []byte(`sinks: {lake: {s3: {bucket: detections, endpoint: "http://127.0.0.1:9000"}}}`), []config.Kind{s3.Kind()}, none)
	require.NoError(t, err)
	require.True(t, *read.Sinks[0].Settings.(*s3.Config).PathStyle)
	read, err = config.Parse("consign.yaml", []byte(`sinks: {lake: {s3: {bucket: detections, endpoint: "http://127.0.0.1:9000", path_style: false}}}`), []config.Kind{s3.Kind()}, none)
	require.NoError(t, err)
	require.False(t, *read.Sinks[0].Settings.(*s3.Config).PathStyle)
}

func TestConfig_EachMistake_NamesTheFieldAndTheRemedyAndNoSecret(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, []byte("no certificate"), 0o600))
	for _, test := range []struct {
		config        s3.Config
		field, remedy string
	}{
		{s3.Config{}, "bucket", "is missing"},
		{s3.Config{Bucket: "s3://detections/x"}, "bucket", "name the bucket alone"},
		{s3.Config{Bucket: "Detections"}, "bucket", "lower-case letters"},
		{s3.Config{Bucket: "a"}, "bucket", "3 to 63"},
		{s3.Config{Bucket: bucket, Prefix: "/x"}, "prefix", "take it out"},
		{s3.Config{Bucket: bucket, Prefix: "x\ny"}, "prefix", "cannot be printed"},
		{s3.Config{Bucket: bucket, Prefix: strings.Repeat("x", 901)}, "prefix", "at most 900"},
		{s3.Config{Bucket: bucket, Endpoint: "minio:9000"}, "endpoint", "https://"},
		{s3.Config{Bucket: bucket, Endpoint: "https://"}, "endpoint", "names no host"},
		{s3.Config{Bucket: bucket, Endpoint: "https://h:port"}, "endpoint", "is not a URL"},
		{s3.Config{Bucket: bucket, Endpoint: "https://me:" + secretKey[:6] + "@h"}, "endpoint", "set access_key"},
		{s3.Config{Bucket: bucket, Endpoint: "https://h?x=y"}, "endpoint", "has a query"},
		{s3.Config{Bucket: bucket, Region: "eu central"}, "region", "is no region"},
		{s3.Config{Bucket: bucket, Compression: "lz4"}, "compression", "gzip, zstd and none are"},
		{s3.Config{Bucket: bucket, Format: "cloudevent"}, "format", `(did you mean "cloudevents"?)`},
		{s3.Config{Bucket: bucket, AccessKey: config.NewSecret(accessKey)}, "secret_key", "is missing beside access_key"},
		{s3.Config{Bucket: bucket, SecretKey: config.NewSecret(secretKey)}, "access_key", "is missing beside secret_key"},
		{s3.Config{Bucket: bucket, CA: "/nowhere/ca.pem"}, "ca", "/nowhere/ca.pem"},
		{s3.Config{Bucket: bucket, CA: empty}, "ca", "BEGIN CERTIFICATE"},
	} {
		test.config.SetDefaults()
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			for _, secret := range []string{accessKey, secretKey, secretKey[:6]} {
				require.NotContains(t, problem, secret)
			}
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
		_, err := s3.New(t.Context(), test.config)
		require.ErrorContains(t, err, "s3."+test.field+": ")
	}
}

func none(string) (string, bool) { return "", false }
