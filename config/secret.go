package config

import (
	"encoding/json"
	"fmt"
	"io"
)

// mask stands for a secret wherever one would be printed.
const mask = "••••"

// Secret is a text that no print shows: formatting it, with any verb, or encoding it as JSON, YAML
// or text gives "••••". The zero value is empty, and prints as nothing.
//
// In the file it is a text, mostly "${NAME}", or {file: /run/secrets/name}, whose last line break is
// cut. Secrets are not compared by ==; compare what they reveal.
type Secret struct {
	// A pointer, since fmt prints the fields of a struct held in an unexported field without asking
	// any method, but follows no pointers there.
	value *string
	// file is the one that it was read from; nil: none.
	file *string
}

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{value: &text}
}

// Reveal returns the text itself, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// File is the path of the file that the secret was read from; empty if it stands in the configuration.
func (s Secret) File() string {
	if s.file == nil {
		return ""
	}
	return *s.file
}

// Reread reads the secret of a file again. The error does not name the file, whose name may be a secret in part.
func (s Secret) Reread() (Secret, error) { return secretOf(s.File()) }

// IsZero tells whether the secret is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String is the mask, or nothing for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// GoString is the mask too.
func (s Secret) GoString() string { return s.String() }

// Format prints the mask, whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// MarshalText gives the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON gives the mask.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML gives the mask.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
