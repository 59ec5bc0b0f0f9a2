package nats

import (
	"errors"
	"fmt"
	"strings"
)

// Validate reports what is wrong, and shows no secret in doing so. It reads the files of tls.
func (c *Config) Validate(report func(field, problem string)) {
	c.Server.Validate(report)
	for _, field := range []struct{ name, value string }{
		{"subject", c.Subject}, {"incident_subject", c.IncidentSubject},
	} {
		if field.name == "incident_subject" && c.IncidentSubject == c.Subject {
			continue // reported once
		}
		if err := checkSubject(field.value); err != nil {
			report(field.name, err.Error())
		}
	}
	c.Format.Validate(report)
}

func checkSubject(subject string) error {
	if subject == "" {
		return errors.New("is missing: name the subject to publish to, such as detections.edr")
	}
	if strings.ContainsAny(subject, " \t\r\n\f") {
		return fmt.Errorf("%q holds a blank, which a subject must not", subject)
	}
	for token := range strings.SplitSeq(subject, ".") {
		switch token {
		case "":
			return fmt.Errorf("%q has an empty part: dots stand between parts only", subject)
		case "*", ">":
			return fmt.Errorf("%q holds the wildcard %s: name one subject", subject, token)
		}
	}
	return nil
}
