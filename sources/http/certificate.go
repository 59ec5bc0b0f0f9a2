package http

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/consign-dev/consign/config"
)

// certificate is the server's, read anew when its files change.
type certificate struct {
	files config.ServerTLS
	log   *zap.Logger

	mu   sync.Mutex
	seen string // what the files were like when they were read last
	last *tls.Certificate
}

func newCertificate(files config.ServerTLS, log *zap.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	c.seen = c.look()
	var err error
	c.last, err = files.Certificate()
	return c, err
}

// look tells one state of the files from another.
func (c *certificate) look() string {
	var seen strings.Builder
	for _, file := range []string{c.files.Cert, c.files.Key} {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintln(&seen, info.ModTime().UnixNano(), info.Size())
		}
	}
	return seen.String()
}

// get returns what to show. While the files are being replaced they may not fit: then the one from before.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.look()
	if seen == c.seen {
		return c.last, nil
	}
	c.seen = seen
	renewed, err := c.files.Certificate()
	if err != nil {
		c.log.Warn("the certificate of http.tls cannot be read, the one from before serves", zap.Error(err))
		return c.last, nil
	}
	c.last = renewed
	c.log.Info("the certificate of http.tls was renewed")
	return c.last, nil
}
