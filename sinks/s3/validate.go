package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/consign-dev/consign/sinks"
)

const (
	// bucketName is S3's rule for buckets.
	bucketName = `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`
	// maxPrefix leaves room for what follows it: S3 takes keys of 1,024 bytes.
	maxPrefix = 900
)

// Validate reports what is wrong, and shows no key in doing so.
func (c *Config) Validate(report func(field, problem string)) {
	check := func(field string, err error) {
		if err != nil {
			report(field, err.Error())
		}
	}
	check("bucket", checkBucket(c.Bucket))
	check("prefix", checkPrefix(c.Prefix))
	check("endpoint", checkEndpoint(c.Endpoint))
	_, err := compressionNamed(c.Compression)
	check("compression", err)
	c.Format.Validate(report)
	switch {
	case c.AccessKey.IsZero() && !c.SecretKey.IsZero():
		report("access_key", "is missing beside secret_key: set both, or none")
	case !c.AccessKey.IsZero() && c.SecretKey.IsZero():
		report("secret_key", "is missing beside access_key: set both, or none")
	}
	if strings.ContainsFunc(c.Region, func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		report("region", fmt.Sprintf("%q is no region: such as eu-central-1", c.Region))
	}
	_, err = sinks.Authorities(c.CA)
	check("ca", err)
}

func checkBucket(bucket string) error {
	switch {
	case bucket == "":
		return errors.New("is missing: name the bucket to store results in")
	case strings.HasPrefix(bucket, "s3://"):
		return fmt.Errorf("%q is an address: name the bucket alone, and put what follows it into prefix", bucket)
	case strings.HasPrefix(bucket, "arn:"), regexp.MustCompile(bucketName).MatchString(bucket):
		return nil
	}
	return fmt.Errorf("%q is no name for a bucket: 3 to 63 lower-case letters, digits, dots and dashes", bucket)
}

func checkPrefix(prefix string) error {
	switch {
	case strings.HasPrefix(prefix, "/"):
		return fmt.Errorf("%q begins with a slash, which would make a folder without a name: take it out", prefix)
	case len(prefix) > maxPrefix:
		return fmt.Errorf("is %d bytes long: at most %d leave room for the rest of a key", len(prefix), maxPrefix)
	case !utf8.ValidString(prefix), strings.ContainsFunc(prefix, unicode.IsControl):
		return fmt.Errorf("%q has a character in it that cannot be printed", prefix)
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	target, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return errors.New("is not a URL: write https://HOST:PORT")
	case target.User != nil:
		return errors.New("holds a user name or password: set access_key and secret_key")
	case target.Scheme != "http" && target.Scheme != "https":
		return fmt.Errorf("%q does not begin with https:// or http://", endpoint)
	case target.Hostname() == "":
		return fmt.Errorf("%q names no host: write https://HOST:PORT", endpoint)
	case target.RawQuery != "" || target.Fragment != "":
		return errors.New("has a query or fragment: write https://HOST:PORT")
	}
	return nil
}

func (c *Config) ca() string { return cmp.Or(c.CA, os.Getenv("AWS_CA_BUNDLE")) }

// directory is a prefix that ends in a slash, unless it is empty.
func directory(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}

// hider returns a function that takes the keys out of a text.
func hider(c Config) func(string) string {
	var pairs []string
	for _, key := range []string{c.SecretKey.Reveal(), c.AccessKey.Reveal()} {
		if key != "" {
			pairs = append(pairs, key, "[hidden]")
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
