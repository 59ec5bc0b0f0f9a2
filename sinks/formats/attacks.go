package formats

import (
	"regexp"
	"strings"
)

// attack is OCSF's attack object, with one of its parts.
type attack struct {
	Tactic       *tactic    `json:"tactic,omitempty"`
	Technique    *technique `json:"technique,omitempty"`
	SubTechnique *technique `json:"sub_technique,omitempty"`
}

type tactic struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

type technique struct {
	UID string `json:"uid"`
}

var techniqueUID = regexp.MustCompile(`^t\d{4}(\.\d{3})?$`)

// attacks reads MITRE ATT&CK tags as Sigma writes them, attack.t1059.001 and attack.execution, in
// their order. Other tags are left out.
func attacks(tags []string) []attack {
	var found []attack
	for _, tag := range tags {
		name, isAttack := strings.CutPrefix(strings.ToLower(tag), "attack.")
		if !isAttack {
			continue
		}
		name = strings.ReplaceAll(name, "-", "_")
		if uid := tacticUID(name); uid != "" {
			found = append(found, attack{Tactic: &tactic{Name: caption(name), UID: uid}})
			continue
		}
		if !techniqueUID.MatchString(name) {
			continue
		}
		t := &technique{UID: strings.ToUpper(name)}
		if strings.Contains(name, ".") {
			found = append(found, attack{SubTechnique: t})
		} else {
			found = append(found, attack{Technique: t})
		}
	}
	return found
}

// tacticUID is the number of a tactic of ATT&CK for Enterprise: https://attack.mitre.org/tactics/enterprise/
func tacticUID(name string) string {
	return map[string]string{
		"reconnaissance":       "TA0043",
		"resource_development": "TA0042",
		"initial_access":       "TA0001",
		"execution":            "TA0002",
		"persistence":          "TA0003",
		"privilege_escalation": "TA0004",
		"defense_evasion":      "TA0005",
		"credential_access":    "TA0006",
		"discovery":            "TA0007",
		"lateral_movement":     "TA0008",
		"collection":           "TA0009",
		"exfiltration":         "TA0010",
		"command_and_control":  "TA0011",
		"impact":               "TA0040",
	}[name]
}

// caption turns credential_access into Credential Access.
func caption(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words {
		if word != "and" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, " ")
}
