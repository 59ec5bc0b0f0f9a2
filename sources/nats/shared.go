package nats

import (
	"fmt"
	"slices"
	"strings"

	"github.com/consign-dev/consign/config"
)

// CheckShared refuses two sources that read by one consumer: each would set it to its own filter, and the messages
// of the other would wait for ever.
func CheckShared(c *config.Config) error {
	for i, one := range c.Sources {
		settings, ok := one.Settings.(*Settings)
		if !ok {
			continue // of another kind
		}
		for _, other := range c.Sources[:i] {
			if there, ok := other.Settings.(*Settings); ok && settings.shares(there) {
				return fmt.Errorf("sources.%s.nats.durable: source %s reads stream %s by the consumer %s too: name another durable",
					one.Name, other.Name, settings.Stream, settings.Durable)
			}
		}
	}
	return nil
}

// shares tells whether both read by one consumer, as far as addresses and logins tell: another login may be
// that of another account, which has streams of its own.
func (s *Settings) shares(other *Settings) bool {
	login := func(s *Settings) [4]string {
		return [4]string{s.User, s.Token.Reveal(), s.Credentials.Reveal(), s.NKey.Reveal()}
	}
	if s.Stream != other.Stream || s.Durable != other.Durable || login(s) != login(other) {
		return false
	}
	servers := strings.Split(other.URL, ",")
	return slices.ContainsFunc(strings.Split(s.URL, ","), func(server string) bool { return slices.Contains(servers, server) })
}
