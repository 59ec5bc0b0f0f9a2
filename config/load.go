package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"
)

// PathVariable is the environment variable that names the configuration file.
const PathVariable = "CONSIGN_CONFIG"

// defaultFile is the file that is used when nothing names another.
const defaultFile = "consign.yaml"

// Find returns the path of the configuration to use when none is given: $CONSIGN_CONFIG, else
// consign.yaml in the working directory if there is one, else "", which stands for [Default].
func Find() string {
	if path := os.Getenv(PathVariable); path != "" {
		return path
	}
	if _, err := os.Lstat(defaultFile); errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return defaultFile
}

// Load reads the file at a path; "" gives [Default]. Variables come from the environment. The error
// is [Problems] when the file can be read but holds mistakes.
func Load(path string, kinds []Kind) (*Config, error) {
	if path == "" {
		return Default(kinds)
	}
	source, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("configuration file %s does not exist: name another one, or none at all to deliver to standard output: %w", path, bare(err))
	case err != nil:
		return nil, fmt.Errorf("configuration file %s cannot be read: %w", path, bare(err))
	}
	return Parse(path, source, kinds, os.LookupEnv)
}

// Default is the configuration of someone who has no file: one sink named "console" of the kind
// "stdout", which has to be among the kinds.
func Default(kinds []Kind) (*Config, error) {
	none := func(string) (string, bool) { return "", false }
	return Parse("", []byte("sinks:\n  console:\n    stdout: {}\n"), kinds, none)
}

// Parse reads a configuration from memory. The name stands for the file in problems; env looks up
// variables, as [os.LookupEnv] does. The error is always [Problems].
func Parse(name string, source []byte, kinds []Kind, env func(string) (string, bool)) (*Config, error) {
	r := &reader{file: name, kinds: kinds, env: env, origins: newOrigins()}
	config := &Config{Path: name, Read: time.Now()}
	if root := r.read(source); root != nil {
		r.config(root, config)
	}
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	config.Notes = r.notes.sorted()
	config.origins = r.origins
	return config, nil
}

// reader is one reading of one file.
type reader struct {
	file  string
	kinds []Kind
	env   func(string) (string, bool)

	problems Problems
	notes    Problems
	// failed lists paths whose values could not be read: what they hold says nothing.
	failed  []string
	origins *origins
}

func (r *reader) problem(line, column int, path, message string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Column: column, Path: path, Message: message})
}

// fail reports a value that cannot be read.
func (r *reader) fail(n *node, path, message string) {
	r.failed = append(r.failed, path)
	r.problem(n.line, n.column, path, message)
}

// broken tells whether a value, or a part of it, or what it is a part of, could not be read.
func (r *reader) broken(path string) bool {
	for _, failed := range r.failed {
		if within(failed, path) || within(path, failed) {
			return true
		}
	}
	return false
}

// config reads the whole file.
func (r *reader) config(root *node, into *Config) {
	into.Unmatched = UnmatchedAck
	into.Acks = defaultAcks()
	into.HTTP = defaultHTTP()
	named, sections := root.like(), root
	if root.shape == mapping {
		named, sections = root.split(func(key string) bool { return key == "sinks" || key == "sources" })
	}
	r.decodeStruct(sections, reflect.ValueOf(into).Elem(), "")

	defaults, _ := sections.get("defaults")
	r.checkDefaults(defaults.value)
	if section, found := named.get("sinks"); found {
		into.Sinks = r.sinks(section.value, defaults.value)
	}
	if section, found := named.get("sources"); found {
		into.Sources = r.sources(section.value)
	}
	acks, _ := sections.get("acks")
	r.checkAcks(acks.value, &into.Acks)
	http, _ := sections.get("http")
	r.checkHTTP(http.value, &into.HTTP)
	r.checkUnmatched(sections, into.Unmatched)
	r.checkAlsoTo(sections, into)
}
