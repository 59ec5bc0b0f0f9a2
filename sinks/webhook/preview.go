package webhook

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the request. The values of configured headers, what templates print of the setting
// "values", credentials and signatures are masked. No token is asked for.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	sink, err := New(*c)
	if err != nil {
		return "", err
	}
	defer sink.sender.Close()
	rendered, err := sink.templates.render(d)
	if err != nil {
		return "", err
	}
	target, err := endpoint(rendered.url)
	if err != nil {
		return "", fmt.Errorf("url: %w", err)
	}
	request := sink.sender.outgoing(message{
		method: sink.method, address: rendered.url, headers: rendered.headers, body: rendered.body, id: d.ID, first: d.First, at: d.At,
	}, target)
	header := http.Header{}
	for name, value := range request.headers {
		header.Set(name, value)
	}
	if err := request.sign(header); err != nil {
		return "", err
	}
	mask := config.NewSecret("secret").String()
	for name := range rendered.headers {
		header.Set(name, mask)
	}
	if sink.sender.authorization != "" || sink.sender.tokens != nil {
		header.Set("Authorization", mask)
	}
	if name := sink.sender.signer.headerName(); name != "" {
		masked := mask
		if scheme, _, versioned := strings.Cut(header.Get(name), ","); versioned {
			masked = scheme + "," + mask
		}
		header.Set(name, masked)
	}
	var values []string
	for _, value := range c.Values {
		values = append(values, value.Reveal())
	}
	hide := hider(new(url.URL), nil, values...)
	var shown strings.Builder
	fmt.Fprintf(&shown, "%s %s\n", sink.method, hide(rendered.url))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&shown, "%s: %s\n", name, strings.Join(header[name], ", "))
	}
	fmt.Fprintf(&shown, "\n%s", hide(string(rendered.body)))
	return shown.String(), nil
}

// headerName is that of the signature; empty: there is none.
func (s *signer) headerName() string {
	if s == nil {
		return ""
	}
	return s.header
}
