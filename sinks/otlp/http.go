package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	// maxAnswer is the most of an answer that is read, in bytes.
	maxAnswer = 64 << 10

	inProtobuf = "application/x-protobuf"
	inJSON     = "application/json"
)

// overHTTP exports by POST of protobuf.
type overHTTP struct {
	receiver  receiver
	url       string
	headers   map[string]string
	compress  bool
	transport *http.Transport
}

func newOverHTTP(c Config, at place, security *tls.Config, to receiver) *overHTTP {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &overHTTP{
		receiver: to, url: at.url(), headers: revealed(c.Headers), compress: c.Compression == gzipped,
		// How long an answer may take is up to each request's context.
		transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        security,
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxAnswer,
			DisableCompression:     true, // a small compressed answer could be an endless one
		},
	}
}

// url that requests are posted to.
func (p place) url() string {
	if p.secure {
		return "https://" + p.host + p.path
	}
	return "http://" + p.host + p.path
}

func (o *overHTTP) export(ctx context.Context, request *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	body, err := proto.Marshal(request)
	if err != nil {
		return nil, o.receiver.failed(fmt.Errorf("encode the request: %w", err))
	}
	if o.compress {
		body = compressed(body)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(body))
	if err != nil {
		return nil, o.receiver.failed(errors.New("the request cannot be made of this URL"))
	}
	for name, value := range o.headers {
		post.Header.Set(name, value)
	}
	post.Header.Set("User-Agent", "consign")
	post.Header.Set("Content-Type", inProtobuf)
	if o.compress {
		post.Header.Set("Content-Encoding", gzipped)
	}
	if post.Header.Get("Idempotency-Key") == "" {
		// Present without a value it is not sent, and tells the transport that the request may be repeated
		// at once if a connection that was kept turns out to be dead: the delivery ids make it harmless.
		post.Header["Idempotency-Key"] = nil
	}
	// A round trip of the transport, unlike a client's, follows no redirect and puts no URL into its
	// errors.
	response, err := o.transport.RoundTrip(post)
	if err != nil {
		return nil, o.receiver.unanswered(ctx, err)
	}
	defer response.Body.Close()
	return o.read(ctx, response)
}

// read returns what a receiver says that has taken the request. Unless that is read in full, some of the
// records may be rejected, so half an answer is none.
func (o *overHTTP) read(ctx context.Context, response *http.Response) (*collector.ExportLogsServiceResponse, error) {
	if status := response.StatusCode; status < 200 || status >= 300 {
		return nil, o.receiver.status(response, time.Now())
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, o.receiver.unanswered(ctx, err)
	}
	said := fmt.Sprintf("answered %d, but ", response.StatusCode)
	if len(body) > maxAnswer {
		return nil, o.receiver.failed(fmt.Errorf("%swith more than the %d bytes that are read", said, maxAnswer))
	}
	answer := new(collector.ExportLogsServiceResponse)
	switch kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind {
	case inProtobuf:
		err = proto.Unmarshal(body, answer)
	case inJSON:
		if len(body) > 0 {
			err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, answer)
		}
	case "text/html":
		err = errors.New("it is a page for people: check the host, port and path of url")
	}
	if err != nil {
		return nil, o.receiver.failed(fmt.Errorf("%snot with an ExportLogsServiceResponse: %w", said, err))
	}
	return answer, nil
}

// compressed is the same for the same content.
func compressed(content []byte) []byte {
	var result bytes.Buffer
	writer := gzip.NewWriter(&result)
	_, _ = writer.Write(content) // a buffer takes all
	_ = writer.Close()
	return result.Bytes()
}

func (o *overHTTP) close() error {
	o.transport.CloseIdleConnections()
	return nil
}
