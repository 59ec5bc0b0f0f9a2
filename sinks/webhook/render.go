package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// fieldNames are what a template knows of a result.
func fieldNames() []string {
	return []string{"source", "id", "type", "time", "subject", "data", "raw", "result", "delivery_id", "values"}
}

// templates are the parts of a request that depend on the result. Where none does, none is rendered.
type templates struct {
	url     text
	headers map[string]text
	body    *text // nil: the result itself
	json    bool  // the body has to be JSON
	any     bool  // some part is a template
	values  map[string]any
}

// newTemplates reads the settings, and reports what is wrong by field.
func (c *Config) templates(report func(field, problem string)) templates {
	t := templates{headers: map[string]text{}, values: map[string]any{}, any: c.Body != "" || isTemplate(c.URL)}
	for name, value := range c.Values {
		t.values[name] = value.Reveal()
	}
	names := sorted(c.Values)
	var err error
	if t.url, err = parseText(c.URL, inURL, names); err != nil {
		report("url", "is a template that cannot be used: "+err.Error())
	}
	for _, name := range sorted(c.Headers) {
		value := c.Headers[name].Reveal()
		if t.headers[name], err = parseText(value, inPlain, names); err != nil {
			report("headers."+name, "is a template that cannot be used, by what stands between {{ and }}")
		}
		t.any = t.any || isTemplate(value)
	}
	if c.Body != "" {
		where := c.bodyPlace()
		body, err := parseText(c.Body, where, names)
		if err != nil {
			report("body", "is a template that cannot be used: "+err.Error())
		}
		t.body, t.json = &body, where == inJSON
	}
	return t
}

// bodyPlace is how values in the body are escaped: by its Content-Type.
func (c *Config) bodyPlace() place {
	for name, value := range c.Headers {
		if !strings.EqualFold(name, "Content-Type") {
			continue
		}
		kind, _, _ := mime.ParseMediaType(value.Reveal())
		switch {
		case kind == "application/x-www-form-urlencoded":
			return inForm
		case kind != "application/json" && !strings.HasSuffix(kind, "+json"):
			return inPlain
		}
	}
	return inJSON
}

// rendered are the parts of one request.
type rendered struct {
	url     string
	headers map[string]string
	body    []byte
}

// render makes the request of a result. Its errors begin with the name of the setting.
func (t templates) render(d sinks.Delivery) (rendered, error) {
	encoded, err := d.Result.Encode()
	if err != nil {
		return rendered{}, fmt.Errorf("encode result %s/%s: %w", d.Result.Source, d.Result.ID, err)
	}
	r := rendered{url: t.url.plain, headers: make(map[string]string, len(t.headers)), body: encoded}
	var fields map[string]any
	if t.any {
		if fields, err = t.fields(d, encoded); err != nil {
			return rendered{}, err
		}
	}
	if r.url, err = t.url.render(fields); err != nil {
		return rendered{}, fmt.Errorf("url: %w", err)
	}
	for name, header := range t.headers {
		value, err := header.render(fields)
		if err != nil {
			if err = errors.New(missingKey.FindString(err.Error())); err.Error() == "" {
				err = errors.New("the template fails on this result")
			}
			return rendered{}, fmt.Errorf("headers.%s: %w", name, err)
		}
		if len(value) > maxLine {
			return rendered{}, fmt.Errorf("headers.%s: the value is %d bytes long: at most %d are sent", name, len(value), maxLine)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return rendered{}, fmt.Errorf("headers.%s: the value has a line break or control character in it", name)
		}
		r.headers[name] = value
	}
	if t.body == nil {
		return r, nil
	}
	body, err := t.body.render(fields)
	if err != nil {
		return rendered{}, fmt.Errorf("body: %w", err)
	}
	r.body = []byte(body)
	if t.json && !json.Valid(r.body) {
		return rendered{}, errors.New("body: what the template makes is no JSON: a value stands outside of quotes, or a comma is left over")
	}
	return r, nil
}

// fields are a result as templates see it.
func (t templates) fields(d sinks.Delivery, encoded []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(d.Result.Data))
	decoder.UseNumber() // numbers keep their spelling
	var data any
	if err := decoder.Decode(&data); err != nil {
		return nil, errors.New("the data is no JSON")
	}
	when := ""
	if !d.Result.Time.IsZero() {
		when = d.Result.Time.Format(time.RFC3339Nano)
	}
	return map[string]any{
		"source": d.Result.Source, "id": d.Result.ID, "type": d.Result.Type, "subject": d.Result.Subject, "time": when,
		"data": data, "raw": d.Result.Data, "result": json.RawMessage(encoded), "delivery_id": d.ID, "values": t.values,
	}, nil
}

// checkSamples renders each sample, and reports what would fail.
func (c *Config) checkSamples(t templates, report func(field, problem string)) {
	for i, sample := range c.Samples {
		field := fmt.Sprintf("samples[%d]", i)
		d, err := sampleDelivery(sample)
		if err != nil {
			report(field, err.Error())
			continue
		}
		request, err := t.render(d)
		if err != nil {
			report(field, "cannot be delivered: "+err.Error())
			continue
		}
		target, err := endpoint(request.url)
		if err == nil {
			err = c.guard().checkHost(target.Hostname())
		}
		if err != nil {
			report(field, "cannot be delivered: url: "+err.Error())
		}
	}
}

// Notes remarks on templates that nothing has tried.
func (c *Config) Notes(note func(field, message string)) {
	if len(c.Samples) > 0 {
		return
	}
	untried := func(field, source string) {
		if isTemplate(source) {
			note(field, "is a template that nothing is tried on: give results of each shape in samples, so that a mistake is found at start")
		}
	}
	untried("url", c.URL)
	untried("body", c.Body)
	for _, name := range sorted(c.Headers) {
		untried("headers."+name, c.Headers[name].Reveal())
	}
}

// sampleDelivery reads a sample.
func sampleDelivery(sample string) (sinks.Delivery, error) {
	result := consign.Result{Source: "sample", ID: "sample"}
	decoder := json.NewDecoder(strings.NewReader(sample))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&result); err != nil {
		return sinks.Delivery{}, fmt.Errorf("is no result, such as {\"type\": \"detection\", \"data\": {\"level\": \"high\"}}: %w", err)
	}
	if err := result.Check(); err != nil {
		return sinks.Delivery{}, fmt.Errorf("is no result: %w", err)
	}
	return sinks.Delivery{ID: consign.DeliveryID(result.Source, result.ID, "sample"), Result: result, First: time.Unix(0, 0), Attempt: 1}, nil
}
