package config

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Filed is a part of settings that names files, such as certificates, which are read when a sink is opened. What is
// written to is not among them.
type Filed interface {
	// Files are their paths; empty ones do not count.
	Files() []string
}

// Files are the paths of all that the configuration was read from: its own file, those of secrets, and what settings
// name, such as certificates. They are sorted, each once.
func (c *Config) Files() []string {
	found := []string{c.Path}
	for _, sink := range c.Sinks {
		found = append(found, filesOf(sink.Settings)...)
	}
	for _, source := range c.Sources {
		found = append(found, filesOf(source.Settings)...)
	}
	found = append(found, filesOf(c.Acks)...)
	found = append(found, filesOf(c.HTTP)...)
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(path string) bool { return path == "" })
}

// Fingerprint tells a sink from one that would not deliver in the same way: it is made of all settings, of what secrets
// are, and of what the files hold that are read when it is opened. It shows nothing of them.
func (s Sink) Fingerprint() string {
	return fingerprint(fmt.Sprintf("%s %s %t\n", s.Name, s.Kind, s.External), revealing().sink(s), filesOf(s.Settings))
}

// Fingerprint tells a source from one with other settings or secrets.
func (s Source) Fingerprint() string {
	return fingerprint(fmt.Sprintf("%s %s\n", s.Name, s.Kind), revealing().source(s), filesOf(s.Settings))
}

// Fingerprint tells these settings from others, secrets included.
func (a Acks) Fingerprint() string {
	return fingerprint("", revealing().encode(reflect.ValueOf(a), ""), nil)
}

// Fingerprint tells these settings from others. What its files hold does not count: the server reads them anew by itself.
func (h HTTP) Fingerprint() string {
	for i, token := range h.Tokens {
		if token.File() != "" {
			h.Tokens = slices.Clone(h.Tokens)
			h.Tokens[i] = NewSecret("file " + token.File())
		}
	}
	return fingerprint("", revealing().encode(reflect.ValueOf(h), ""), nil)
}

// revealing encodes settings with what secrets are, for what nobody is shown.
func revealing() encoder { return encoder{newOrigins(), true} }

// fingerprint is that of settings under a heading, and of what files hold.
func fingerprint(heading string, settings *node, files []string) string {
	sum := sha256.New()
	_, _ = io.WriteString(sum, heading) // a hash takes all
	_ = settings.writeYAML(sum)
	readInto(sum, files)
	return string(sum.Sum(nil))
}

// readInto adds what files hold. One that cannot be read counts as that.
func readInto(sum hash.Hash, files []string) {
	for _, path := range files {
		fmt.Fprintf(sum, "\n%q ", path)
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		_, _ = io.Copy(sum, io.LimitReader(file, maxFiled))
		_ = file.Close()
	}
}

// maxFiled is the most that is read of a file to tell it from another, in bytes.
const maxFiled = 4 << 20

// filesOf are the files that settings name, also those of secrets.
func filesOf(settings any) (found []string) {
	seek(reflect.ValueOf(settings), &found)
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(path string) bool { return strings.TrimSpace(path) == "" })
}

// seek looks for files in a value and in all that it holds.
func seek(v reflect.Value, found *[]string) {
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return
	}
	if secret, ok := reflect.TypeAssert[Secret](v); ok {
		*found = append(*found, secret.File())
		return
	}
	if filed, ok := reflect.TypeAssert[Filed](v); ok {
		*found = append(*found, filed.Files()...)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		seek(v.Elem(), found)
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			seek(v.FieldByIndex(f.index), found)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			seek(v.MapIndex(key), found)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			seek(v.Index(i), found)
		}
	default:
	}
}
