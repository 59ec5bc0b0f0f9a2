package config_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/consign-dev/consign/config"
)

// hook are the settings of a kind that crosses a network, with one field of each type.
type hook struct {
	URL     string            `yaml:"url"`
	Secret  config.Secret     `yaml:"secret"`
	Headers map[string]string `yaml:"headers"`
	Wait    time.Duration     `yaml:"wait"`
	Factor  float64           `yaml:"factor"`
	Strict  *bool             `yaml:"strict"`
	To      []string          `yaml:"to"`
	Port    uint16            `yaml:"port"`
	TLS     struct {
		Name string `yaml:"name"`
	} `yaml:"tls"`
	Host string `yaml:"host"`
}

func (h *hook) SetDefaults() {
	if h.Wait == 0 {
		h.Wait = time.Second
	}
	if h.Strict == nil {
		h.Strict = new(true)
	}
	if h.Host == "" {
		_, h.Host, _ = strings.Cut(h.URL, "://")
	}
}

func (h *hook) Validate(report func(field, problem string)) {
	scheme, _, _ := strings.Cut(h.URL, "://")
	switch {
	case h.URL == "":
		report("url", "is required, such as https://example.com/hook")
	case scheme != "https":
		report("url", fmt.Sprintf("%q: unknown scheme %q", h.URL, scheme))
	}
	for name, value := range h.Headers {
		if strings.Contains(name, ".") {
			report("headers."+name, "no dots in "+value)
		}
	}
	for i, to := range h.To {
		if to == "" {
			report(fmt.Sprintf("to[%d]", i), "is empty")
		}
	}
}

// lines are the settings of a local kind.
type lines struct {
	Path  string `yaml:"path"`
	Shape shape  `yaml:"shape"`
}

// shape is a setting that dead letters do not fit.
type shape string

func (s shape) RefuseRecords() string {
	if s == "finding" {
		return "makes findings: name another"
	}
	return ""
}

func (l *lines) SetDefaults() {
	if l.Path == "" {
		l.Path = "results.ndjson"
	}
}

func (*lines) Validate(func(field, problem string)) {}

func kinds() []config.Kind {
	return []config.Kind{
		{Name: "file", New: func() config.Settings { return &lines{} }},
		{Name: "stdout", New: func() config.Settings { return &lines{} }},
		{Name: "webhook", Network: true, New: func() config.Settings { return &hook{} }},
	}
}

// env is an environment of these variables alone: name, value, name, value.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func parse(source string, pairs ...string) (*config.Config, error) {
	return config.Parse("consign.yaml", []byte(source), kinds(), env(pairs...))
}
