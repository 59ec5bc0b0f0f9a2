// Package formats writes a result as one JSON document, in the form that a destination reads. Sinks of
// lines and of messages offer them as their setting "format":
//
//		sinks:
//		  lake:
//		    file:
//		      path: /var/lib/consign/findings.ndjson
//		      format: ocsf
//
//	  - ndjson: the result with its source, id and type around the data. It is what submit reads, and
//	    what a sink of lines writes when nothing is said.
//	  - cloudevents: a CloudEvent 1.0 in structured JSON; the attribute deliveryid is what receivers drop
//	    duplicates by.
//	  - ocsf: a Detection Finding (class 2004) of OCSF 1.1.0. Its metadata.uid is the delivery id, and
//	    the data stands in unmapped, or in raw_data if it is no object.
//
// In all of them the bytes of the data are as they were submitted, except that raw_data, being a text,
// cannot hold what is not UTF-8.
//
// Sinks of messages, which have headers, send the data alone when nothing is said, under the attributes
// of a CloudEvent in binary mode: [Attributes]. In a format, the body of a message is the whole
// document, and its headers say no more than its media type and the delivery id.
package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// Format is the form in which a sink writes results. The zero value stands for the sink's own
// default, which SetDefaults of its settings puts there.
type Format string

// The formats.
const (
	NDJSON      Format = "ndjson"
	OCSF        Format = "ocsf"
	CloudEvents Format = "cloudevents"
)

// Values are all of them.
func (Format) Values() []string { return []string{string(NDJSON), string(OCSF), string(CloudEvents)} }

// Validate reports a format that there is not, as the problem of the field "format".
func (f Format) Validate(report func(field, problem string)) {
	if f == "" {
		return
	}
	if problem := config.Choice(string(f), f.Values()...); problem != "" {
		report("format", problem)
	}
}

// RefuseRecords says why no record of a dead letter is written in this format, for a sink under
// dead_letters.also_to. It is empty for those that put an envelope around the record as it is.
func (f Format) RefuseRecords() string {
	if f == OCSF {
		return "has the format ocsf, which would make a security finding of each dead letter: name a sink with another format"
	}
	return ""
}

// Encode returns the result as one JSON document on one line, without a newline. It is the same for
// each attempt of a delivery. The zero value encodes as NDJSON. It fails, and will again, for a time
// that JSON cannot tell and, in the other formats, for data that is not JSON.
func (f Format) Encode(d sinks.Delivery) ([]byte, error) {
	switch f {
	case "", NDJSON:
		return d.Result.Encode()
	case OCSF:
		return finding(d)
	case CloudEvents:
		return cloudEvent(d)
	}
	return nil, fmt.Errorf("unknown format %q", string(f))
}

var errNotJSON = errors.New("the data is not JSON")

// marshal is json.Marshal without the rewriting of HTML characters, which would reach into raw data.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
