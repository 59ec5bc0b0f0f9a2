package config

import (
	"crypto/sha256"
	"encoding/hex"
)

// Digest tells this configuration from others: the first 12 hexadecimal digits of the SHA-256 of what
// [Config.ShowJSON] writes. Secrets are hidden there, so two that differ in a secret alone have one digest.
func (c *Config) Digest() string {
	hash := sha256.New()
	_ = c.ShowJSON(hash) // a hash takes all that it is given
	return hex.EncodeToString(hash.Sum(nil))[:12]
}
