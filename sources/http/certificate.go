package http

import (
	"crypto/tls"
	"sync"

	"go.uber.org/zap"

	"github.com/consign-dev/consign/config"
)

// certificate is the server's, read anew when its files change.
type certificate struct {
	pair config.ServerTLS
	log  *zap.Logger

	mu    sync.Mutex
	files *watched
	last  *tls.Certificate
}

func newCertificate(pair config.ServerTLS, log *zap.Logger) (c *certificate, err error) {
	c = &certificate{pair: pair, log: log, files: watch(pair.Cert, pair.Key)}
	c.last, err = pair.Certificate()
	return c, err
}

// get returns what to show. While the files are being replaced they may not fit: then the one from before.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.files.changed() {
		return c.last, nil
	}
	renewed, err := c.pair.Certificate()
	if err != nil {
		c.log.Warn("the certificate of http.tls cannot be read, the one from before serves", zap.Error(err))
		return c.last, nil
	}
	c.last = renewed
	c.log.Info("the certificate of http.tls was renewed")
	return c.last, nil
}
