// Package s3 is the sink that stores results in a bucket of Amazon S3, or of another store that speaks
// its protocol, as objects of NDJSON.
//
//	sinks:
//	  lake:
//	    s3:
//	      bucket: detections
//	      prefix: consign/
//	      region: eu-central-1
//	      compression: gzip
//	    batch_max: 256
//
// One that runs elsewhere, with keys of its own:
//
//	sinks:
//	  lake:
//	    s3:
//	      bucket: detections
//	      endpoint: https://minio.example.com:9000
//	      access_key: ${MINIO_ACCESS_KEY}
//	      secret_key: ${MINIO_SECRET_KEY}
//	      ca: /etc/consign/minio-ca.pem
//
// # The objects
//
// Each batch is one object, so results that come one by one make objects of one line: have them
// submitted in batches where that matters. Its key is
//
//	PREFIX/2026/11/25/HASH.ndjson.gz
//
// with the day, in UTC, on which the first delivery in it began, and a hash of the delivery
// ids in it. A batch that is tried again has the same key, and overwrites itself. A batch of which some
// are delivered and others join has another key, and so has a replay on another day: then a result is
// in two objects, and readers drop the second by its delivery id.
//
// A line is the result as the file sink writes it, with its delivery id in front:
//
//	{"delivery_id":"msg_…","source":"edr","id":"4711","type":"detection","data":{…}}
//
// With the format ocsf the delivery id is its metadata.uid, with cloudevents its deliveryid.
//
// # What fails
//
// What concerns the bucket as a whole is transient, and goes on once that is mended: a store that is
// away, wrong keys, a bucket that is gone. 429, 502, 503 (SlowDown) and 504 leave the store alone
// for as long as its Retry-After says. Any other 4xx refuses the object itself, and is permanent. The
// retries of the AWS SDK are off: Consign's own can be seen.
//
// A worker starts while the store is away. If it answers that there is no such bucket, or that it is
// in another region, the worker says so and does not start.
package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // Content-MD5 finds damage on the way, and is asked for by buckets with Object Lock
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// lookWait is how long a store may take to answer when the sink is opened, before it counts as away: a
// worker opens its sinks one after another.
const lookWait = 5 * time.Second

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "s3",
		Summary: "a bucket of S3 or the like: one object of NDJSON per batch",
		Network: true,
		New:     func() config.Settings { return new(Config) },
	}
}

// Config are the sink's settings.
type Config struct {
	// Bucket to store objects in. Required.
	Bucket string `yaml:"bucket"`
	// Prefix of every key; a slash is added at its end. Default: none.
	Prefix string `yaml:"prefix"`
	// Region of the bucket. Default: that of AWS_REGION or of the AWS profile; with an endpoint and none
	// of these, us-east-1.
	Region string `yaml:"region"`
	// Endpoint of a store other than Amazon's, as https://HOST:PORT. Default: that of AWS_ENDPOINT_URL
	// or of the AWS profile, or Amazon's of the region.
	Endpoint string `yaml:"endpoint"`
	// PathStyle addresses the bucket in the path, and not in the host's name. Default: true with an
	// endpoint, else false.
	PathStyle *bool `yaml:"path_style"`
	// AccessKey and SecretKey sign requests. Default: what the AWS SDK finds in the environment, the
	// profile, or the role of the machine or pod.
	AccessKey config.Secret `yaml:"access_key"`
	// SecretKey belongs to access_key.
	SecretKey config.Secret `yaml:"secret_key"`
	// Compression of objects: gzip, zstd or none. Default gzip.
	Compression string `yaml:"compression"`
	// Format of a line: ndjson, ocsf or cloudevents, see package formats. Default ndjson.
	Format formats.Format `yaml:"format"`
	// CA is a file of certificates in PEM that are trusted beside the system's. Default: that of
	// AWS_CA_BUNDLE, or none.
	CA string `yaml:"ca"`
}

var _ sinks.Settings = (*Config)(nil)

// Files are those that are read when the sink is opened.
func (c *Config) Files() []string { return []string{c.CA} }

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.Compression == "" {
		c.Compression = gzipped
	}
	c.Format = cmp.Or(c.Format, formats.NDJSON)
	if c.PathStyle == nil {
		c.PathStyle = new(c.Endpoint != "")
	}
}

// Open returns the sink once the store has answered, or has not for 5 seconds. It fails if the store
// says that there is no such bucket, or that it is elsewhere.
func (c *Config) Open(ctx context.Context, _ string) (sinks.Sink, error) {
	sink, err := New(ctx, *c)
	if err != nil {
		return nil, err
	}
	look, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	if err := sink.look(look); err != nil {
		return nil, errors.Join(err, sink.Close(look))
	}
	return sink, nil
}

// Sink stores results in one bucket.
type Sink struct {
	client      *s3.Client
	transport   *http.Transport
	bucket      string
	prefix      string
	compression compression
	format      formats.Format
	hide        func(string) string
	closed      atomic.Bool
}

// New returns a sink with these settings, or everything that [Config.Validate] finds wrong. ctx is for
// reading the AWS configuration; nothing is connected to before the first delivery.
func New(ctx context.Context, c Config) (*Sink, error) {
	c.SetDefaults()
	var problems []error
	c.Validate(func(field, problem string) {
		problems = append(problems, fmt.Errorf("s3.%s: %s", field, problem))
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	compression, err := compressionNamed(c.Compression)
	if err != nil {
		return nil, fmt.Errorf("s3.compression: %w", err)
	}
	transport, err := newTransport(c.ca())
	if err != nil {
		return nil, fmt.Errorf("s3.ca: %w", err)
	}
	client, err := newClient(ctx, c, transport)
	if err != nil {
		return nil, err
	}
	return &Sink{
		client: client, transport: transport, bucket: c.Bucket, prefix: directory(c.Prefix),
		compression: compression, format: c.Format, hide: hider(c),
	}, nil
}

// Deliver stores a batch as one object. When ctx ends before the store has answered, every result is
// reported as failed, though the object may come to be there.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	content, stored, errs := s.encode(batch)
	if len(stored) == 0 {
		return errs
	}
	err := s.put(ctx, key(s.prefix, stored)+s.compression.extension, s.compression.compress(content))
	if err == nil {
		return errs
	}
	if errs == nil {
		return sinks.All(batch, err)
	}
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

func (s *Sink) put(ctx context.Context, key string, body []byte) error {
	if s.closed.Load() {
		return fmt.Errorf("PUT s3://%s/%s: %w", s.bucket, key, sinks.ErrClosed)
	}
	sum := md5.Sum(body) //nolint:gosec // as above
	taken, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &s.bucket,
		Key:         &key,
		Body:        bytes.NewReader(body),
		ContentType: &s.compression.contentType,
		ContentMD5:  aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	})
	what := "PUT s3://" + s.bucket + "/" + key
	switch {
	case err != nil:
		return s.failed(ctx, what, err)
	case taken.ETag == nil:
		return sinks.Label(fmt.Errorf("%s: answered without an ETag, as no store does that has taken an object: check endpoint", what), "no store")
	}
	return nil
}

// look asks the store for the bucket. It returns an error only if the store knows better.
func (s *Sink) look(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	what := "HEAD s3://" + s.bucket
	switch response := answer(err); {
	case response == nil:
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: there is no such bucket: create it, or name another", what)
	case response.StatusCode == http.StatusMovedPermanently:
		return fmt.Errorf("%s: the bucket is elsewhere%s", what, elsewhere(response))
	}
	return nil
}

// Close closes the connections that are kept for further deliveries.
func (s *Sink) Close(context.Context) error {
	s.closed.Store(true)
	s.transport.CloseIdleConnections()
	return nil
}
