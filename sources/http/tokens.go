package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"github.com/consign-dev/consign/config"
)

// tokens are those that are taken. Those of files are read anew when their file changes.
type tokens struct {
	name string // of the setting
	log  *zap.Logger

	mu      sync.Mutex
	entries []*entry
}

// entry is one of http.tokens, or of http.page_tokens.
type entry struct {
	secret config.Secret
	file   *watched // nil: it stands in the configuration
	// digests of its tokens: comparing them tells nothing of a token's length.
	digests [][sha256.Size]byte
}

// newTokens is nil if there are none.
func newTokens(name string, secrets []config.Secret, log *zap.Logger) (*tokens, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	t := &tokens{name: name, log: log}
	for i, secret := range secrets {
		e := &entry{secret: secret}
		if secret.File() != "" {
			e.file = watch(secret.File())
		}
		if err := e.read(); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		t.entries = append(t.entries, e)
	}
	return t, nil
}

// read reads the tokens anew. When it fails, those from before stay.
func (e *entry) read() (err error) {
	secret := e.secret
	if e.file != nil {
		if secret, err = secret.Reread(); err != nil {
			return err
		}
	}
	all, err := config.BearerTokens(secret)
	if err != nil {
		return err
	}
	digests := make([][sha256.Size]byte, len(all))
	for i, token := range all {
		digests[i] = sha256.Sum256([]byte(token))
	}
	e.digests = digests
	return nil
}

// hold tells whether a token is one of them, in the same time whichever it is.
func (t *tokens) hold(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	digest, found := sha256.Sum256([]byte(token)), 0
	for i, e := range t.entries {
		if e.file != nil && e.file.changed() {
			t.renew(i)
		}
		for _, one := range e.digests {
			found |= subtle.ConstantTimeCompare(digest[:], one[:])
		}
	}
	return found == 1
}

func (t *tokens) renew(i int) {
	where := zap.String("where", fmt.Sprintf("%s[%d]", t.name, i))
	if err := t.entries[i].read(); err != nil {
		t.log.Warn("the file of tokens cannot be read, those from before are taken", where, zap.Error(err))
		return
	}
	t.log.Info("the file of tokens was read anew", where, zap.Int("tokens", len(t.entries[i].digests)))
}
