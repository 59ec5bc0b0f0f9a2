package otlp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/consign-dev/consign/sinks"
)

const (
	// maxExcerpt is the most of a receiver's message that an error shows, in bytes.
	maxExcerpt = 300

	labelTooLarge = "too large"
	labelReset    = "connection reset"
	labelProtocol = "wrong protocol"
)

// receiver says what became of a request to it.
type receiver struct {
	name string
	// hide takes out of a text what only the receiver may know.
	hide func(string) string
	// uncertified is true where there is TLS without a client certificate.
	uncertified bool
}

func (r receiver) failed(err error) error {
	return fmt.Errorf("export to %s: %w", r.name, err)
}

// rejected is about the records that a receiver has not taken.
func (r receiver) rejected(part *collector.ExportLogsPartialSuccess) error {
	text := fmt.Sprintf("%d log records are rejected", part.GetRejectedLogRecords())
	return sinks.Permanent(sinks.Label(r.failed(errors.New(text+r.quoted(part.GetErrorMessage()))), "rejected"))
}

// unanswered is about a request of which no receiver has said anything.
func (r receiver) unanswered(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded:
		// Over gRPC the receiver knows the deadline, and may give up a moment before ctx does.
		return r.failed(fmt.Errorf("no answer in time: %w", context.DeadlineExceeded))
	case ctx.Err() != nil:
		return r.failed(fmt.Errorf("interrupted: %w", ctx.Err()))
	}
	// What the library of gRPC returns wraps nothing, so the text is what there is to go by.
	text := r.hide(sinks.OneLine(status.Convert(err).Message()))
	label, advice := connection(text)
	if label == labelReset && r.uncertified {
		// That a receiver wants a certificate is known after the handshake, and then writing fails before
		// its reason is read.
		advice = ": if the receiver wants a client certificate, set tls.client_cert and tls.client_key"
	}
	err = r.failed(sinks.Reworded(err, "no answer: "+text+advice))
	if label == "" {
		return err
	}
	return sinks.Label(err, label)
}

// connection names what is wrong with one, in the words of [sinks.Classify], and says what to do.
func connection(text string) (label, advice string) {
	_, alert, alerted := strings.Cut(text, "remote error: tls: ")
	says := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(text, word) {
				return true
			}
		}
		return false
	}
	switch {
	case says("tls: failed to verify certificate"):
		return "bad certificate", ": check tls.ca and tls.server_name"
	case alerted && strings.Contains(alert, "certificate"):
		return "client certificate", ": check tls.client_cert and tls.client_key"
	case says("first record does not look like a TLS handshake", "server gave HTTP response to HTTPS client"):
		return "no tls", ": the receiver speaks in clear"
	case says("looked like an HTTP/1.1 header"):
		return labelProtocol, ": HTTP is spoken there, and gRPC by another port: begin url with otlphttp:// or otlphttps://, or name that port"
	case says("malformed HTTP response", "readLoopPeekFailLocked: %!w(<nil>)"): // it speaks first, as gRPC does
		return labelProtocol, ": HTTP is not spoken there: begin url with otlp:// or otlps:// if gRPC is, or name another port"
	case says("connection refused"):
		return "connection refused", ""
	case says("no such host", "produced zero addresses"):
		return "name not found", ""
	case says("i/o timeout", "deadline exceeded", "handshake timeout", "keepalive ping failed"):
		return sinks.LabelTimeout, ""
	case says("EOF", "connection reset", "broken pipe", "GOAWAY", "RST_STREAM", "transport is closing", "error reading from server", "server closed"):
		return labelReset, ""
	}
	return "", ""
}

// quoted is what a receiver says, as the end of a message.
func (r receiver) quoted(said string) string {
	line := r.hide(sinks.OneLine(said))
	if line == "" {
		return ""
	}
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "") + "…"
	}
	return ": " + strconv.Quote(line)
}
