package formats

import "strings"

// Severity says how grave a result is, on OCSF's scale.
type Severity int

// The severities, as OCSF numbers them.
const (
	Unknown Severity = iota
	Informational
	Low
	Medium
	High
	Critical
	Fatal
)

// String is OCSF's caption.
func (s Severity) String() string {
	if s < Unknown || s > Fatal {
		return "Unknown"
	}
	return [...]string{"Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"}[s]
}

// SeverityOf reads how grave a result is from its data, with the word that the data has for it: the
// level of a Sigma detection or incident, the priority of a Falco alert, the severity of Nuclei,
// Semgrep, Grype and many others. It is [Unknown] and empty where the data does not say.
func SeverityOf(data []byte) (Severity, string) { return open(data).severity() }

func (k known) severity() (Severity, string) {
	for _, word := range []string{
		k.text("level", "max_level", "severity", "priority"),
		k.in("incident").text("max_level"),
		k.in("info").text("severity"),
		k.in("extra").text("severity"),
		k.in("vulnerability").text("severity"),
		k.in("alert").text("severity"),
		k.in("alert").in("rule").text("security_severity_level", "severity"),
		k.in("alert").in("security_advisory").text("severity"),
		k.in("security_advisory").text("severity"),
	} {
		if severity := grade(word); severity != Unknown {
			return severity, word
		}
	}
	return Unknown, ""
}

// grade places a word on the scale.
func grade(word string) Severity {
	switch strings.ToLower(word) {
	case "informational", "information", "info", "debug", "negligible", "none", "note":
		return Informational
	case "low", "notice":
		return Low
	case "medium", "moderate", "warning", "warn":
		return Medium
	case "high", "error":
		return High
	case "critical", "alert":
		return Critical
	case "emergency", "fatal":
		return Fatal
	}
	return Unknown
}
