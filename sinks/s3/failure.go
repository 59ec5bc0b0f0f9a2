package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/consign-dev/consign/sinks"
)

const (
	errorCode = `^[A-Za-z][A-Za-z0-9.]{1,63}$`
	// noCode is what the SDK says where the store gave none.
	noCode = "UnknownError"
	// maxExcerpt is the most of a store's message that an error shows, in bytes.
	maxExcerpt = 300
)

// labelCredentials is the label of requests that could not be signed for want of keys.
const labelCredentials = "s3 credentials"

// answer of the store, if it gave one.
func answer(err error) *smithyhttp.Response {
	failed, found := errors.AsType[*smithyhttp.ResponseError](err)
	if !found || failed.Response == nil || failed.Response.Response == nil || failed.Response.StatusCode == 0 {
		return nil
	}
	return failed.Response
}

// failed says what became of a request, for people and for [sinks.Classify].
func (s *Sink) failed(ctx context.Context, what string, err error) error {
	if response := answer(err); response != nil && !success(response) {
		return s.refused(what, response, err)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time: %w", what, ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("%s: interrupted: %w", what, ctx.Err())
	}
	if keys, found := errors.AsType[*credentialsError](err); found {
		return sinks.Label(sinks.Reworded(keys, what+": no keys to sign with: set access_key and secret_key, or give the machine a role: "+s.hide(keys.Error())), labelCredentials)
	}
	if sending, found := errors.AsType[*url.Error](err); found {
		err = sending.Err // without the URL, which is in front already
	}
	hidden := sinks.Reworded(err, s.hide(fmt.Sprintf("%s: %s", what, err)))
	if _, found := errors.AsType[*tls.CertificateVerificationError](err); found {
		return sinks.Label(hidden, "bad certificate")
	}
	return hidden
}

// success tells of an answer whose status is 2xx and that broke off afterwards.
func success(response *smithyhttp.Response) bool {
	return response.StatusCode >= 200 && response.StatusCode < 300
}

// refused says what the store said.
func (s *Sink) refused(what string, response *smithyhttp.Response, err error) error {
	status := response.StatusCode
	text, label, code := fmt.Sprintf("%s: answered %d", what, status), "http "+strconv.Itoa(status), ""
	// Whoever answers may be no store at all, so a code is only what looks like one.
	if said, found := errors.AsType[smithy.APIError](err); found && regexp.MustCompile(errorCode).MatchString(said.ErrorCode()) && said.ErrorCode() != noCode {
		code = said.ErrorCode()
		text, label = text+" "+code, "s3 "+code
		if message := said.ErrorMessage(); message != "" {
			text += ": " + strconv.Quote(excerpt(s.hide(message)))
		}
	}
	text += advice(code, response)
	err = sinks.Status(sinks.Label(errors.New(text), label), status)
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway,
		status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return sinks.RetryAfter(err, sinks.RetryAfterIn(response.Header, time.Now()))
	case heals(status, code):
		return err
	}
	return sinks.Permanent(err)
}

// heals tells whether a refusal is of the bucket as a whole, or of the moment, and not of this object.
func heals(status int, code string) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusTooEarly:
		return true
	}
	// These come with status 400.
	return status < 400 || status >= 500 || slices.Contains([]string{
		"RequestTimeout", "ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException",
		"BadDigest", "IncompleteBody", "KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException", "ThrottlingException",
	}, code)
}

func excerpt(message string) string {
	if len(message) > maxExcerpt {
		message = strings.ToValidUTF8(message[:maxExcerpt], "") + "…"
	}
	return message
}

// advice says what to do, where that is known.
func advice(code string, response *smithyhttp.Response) string {
	switch code {
	case "NoSuchBucket":
		return ": create the bucket, or name another"
	case "AccessDenied":
		return ": allow s3:PutObject on the bucket's objects to these keys"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return ": check access_key and secret_key"
	case "RequestTimeTooSkewed":
		return ": set the clock of this machine; the next attempt allows for the difference"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return elsewhere(response)
	}
	return ""
}

// elsewhere says where a bucket is.
func elsewhere(response *smithyhttp.Response) string {
	if region := response.Header.Get("X-Amz-Bucket-Region"); region != "" {
		return fmt.Sprintf(": set region to %q", region)
	}
	return ": set region, or endpoint, to that of the bucket"
}
