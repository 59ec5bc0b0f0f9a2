package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/consign-dev/consign/sinks"
)

const (
	// anyRegion is what stores take that have no regions.
	anyRegion = "us-east-1"
	// maxAnswer is the most of an answer that is read, in bytes. The SDK would read an endless one.
	maxAnswer = 64 << 10
)

func newClient(ctx context.Context, c Config, transport *http.Transport) (*s3.Client, error) {
	var options []func(*awsconfig.LoadOptions) error
	if c.Region != "" {
		options = append(options, awsconfig.WithRegion(c.Region))
	}
	if !c.AccessKey.IsZero() {
		options = append(options, awsconfig.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(c.AccessKey.Reveal(), c.SecretKey.Reveal(), "")))
	}
	settings, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("s3: read the AWS configuration: %s", hider(c)(err.Error()))
	}
	if settings.Region == "" {
		if c.Endpoint == "" {
			return nil, errors.New("s3.region: is missing, and there is none in AWS_REGION or the AWS profile: set that of the bucket")
		}
		settings.Region = anyRegion
	}
	return s3.NewFromConfig(settings, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
		o.UsePathStyle = *c.PathStyle
		o.Credentials = &marked{o.Credentials}
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = &http.Client{
			Transport:     bounded{transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		// Content-MD5 does the same, and is known to every store.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	}), nil
}

func newTransport(ca string) (*http.Transport, error) {
	trusted, err := sinks.Authorities(ca)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		ExpectContinueTimeout:  time.Second,
	}, nil
}

// bounded cuts answers at maxAnswer.
type bounded struct{ transport *http.Transport }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		// The SDK closes the request's body as soon as there is an answer, and WriteTo of its body
		// (smithy-go v1.27.6, transport/http/internal/io/safe.go) then returns io.EOF as an error, which
		// net/http takes for a request cut short: it closes the connection under the answer. Read does not.
		request = request.WithContext(request.Context())
		request.Body = body{request.Body, request.Body}
	}
	response, err := b.transport.RoundTrip(request)
	if err == nil {
		response.Body = body{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}

type body struct {
	io.Reader
	io.Closer
}

// credentialsError is a failure to find keys.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// marked tells a failure to find keys from one to use them.
type marked struct{ provider aws.CredentialsProvider }

func (m *marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := m.provider.Retrieve(ctx)
	if err != nil {
		err = &credentialsError{err}
	}
	return found, err
}
