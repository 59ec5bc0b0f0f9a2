package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
)

// maxSecret is the most that is read of a secret's file, in bytes.
const maxSecret = 64 << 10

// decodeSecret reads a secret from a text or from {file: path}.
func (r *reader) decodeSecret(n *node, into reflect.Value, path string) {
	switch n.shape {
	case scalar:
		text, used, ok := r.expand(n, path)
		if !ok {
			return
		}
		if text == "" && len(used) > 0 {
			r.fail(n, path, fmt.Sprintf("variable %s is set to nothing: a secret must not be empty", used[0].name))
			return
		}
		if len(used) == 0 {
			r.origins.byPath[path] = origin{text: mask, value: text}
		}
		into.Set(reflect.ValueOf(NewSecret(text)))
	case mapping:
		r.decodeSecretFile(n, into, path)
	case null, list:
		r.expected(n, secretType, path)
	}
}

func (r *reader) decodeSecretFile(n *node, into reflect.Value, path string) {
	for _, e := range n.entries {
		if e.key != "file" {
			r.problem(e.line, e.column, join(path, e.key), unknown("field", e.key, []string{"file"}))
		}
	}
	e, found := n.get("file")
	if !found || e.value.shape != scalar {
		r.fail(n, path, "expected "+describe(secretType))
		return
	}
	below := join(path, "file")
	name, _, ok := r.expand(e.value, below)
	if !ok {
		r.failed = append(r.failed, path)
		return
	}
	delete(r.origins.byPath, below)
	secret, err := secretOf(name)
	if err != nil {
		r.fail(e.value, path, fmt.Sprintf("read the secret from file %q: %v", excerpt(e.value.text), err))
		return
	}
	r.origins.byPath[path] = origin{text: e.value.text, file: true, value: secret.Reveal()}
	into.Set(reflect.ValueOf(secret))
}

// secretOf is the secret in a file.
func secretOf(file string) (Secret, error) {
	text, err := readSecret(file)
	return Secret{value: &text, file: &file}, err
}

// readSecret returns what a file holds, without its last line break. Its errors leave the file's
// name to the caller, who knows in which form it may be shown.
func readSecret(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", bare(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", bare(err)
	}
	if len(content) > maxSecret {
		return "", errors.New("it is larger than 64 KiB: is this the right file?")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if text == "" {
		return "", errors.New("it is empty")
	}
	return text, nil
}

// bare takes the file's name out of an error.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
