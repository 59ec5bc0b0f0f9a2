package formats

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// schemaVersion is the version of OCSF that findings are written by. 1.1.0 introduced the class, and
// what it requires satisfies every later 1.x.
const schemaVersion = "1.1.0"

const classUID = 2004

// What a finding reports, by its activity_id.
const (
	activityCreate = 1
	activityClose  = 3
)

// detectionFinding is an OCSF Detection Finding: https://schema.ocsf.io/1.1.0/classes/detection_finding
type detectionFinding struct {
	ActivityID   int             `json:"activity_id"`
	ActivityName string          `json:"activity_name"`
	CategoryUID  int             `json:"category_uid"`
	CategoryName string          `json:"category_name"`
	ClassUID     int             `json:"class_uid"`
	ClassName    string          `json:"class_name"`
	TypeUID      int             `json:"type_uid"`
	TypeName     string          `json:"type_name"`
	SeverityID   Severity        `json:"severity_id"`
	Severity     string          `json:"severity"`
	StatusID     int             `json:"status_id"`
	Status       string          `json:"status"`
	Time         int64           `json:"time"`
	StartTime    int64           `json:"start_time,omitempty"`
	EndTime      int64           `json:"end_time,omitempty"`
	Count        int64           `json:"count,omitempty"`
	Message      string          `json:"message"`
	Metadata     metadata        `json:"metadata"`
	FindingInfo  findingInfo     `json:"finding_info"`
	Resources    []resource      `json:"resources,omitempty"`
	Unmapped     json.RawMessage `json:"unmapped,omitempty"`
	RawData      string          `json:"raw_data,omitempty"`
}

type metadata struct {
	Version   string  `json:"version"`
	Product   product `json:"product"`
	UID       string  `json:"uid"`
	EventCode string  `json:"event_code,omitempty"`
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
}

type findingInfo struct {
	UID      string    `json:"uid"`
	Title    string    `json:"title"`
	Desc     string    `json:"desc,omitempty"`
	Analytic *analytic `json:"analytic,omitempty"`
	Attacks  []attack  `json:"attacks,omitempty"`
}

type analytic struct {
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
	Name   string `json:"name,omitempty"`
	UID    string `json:"uid,omitempty"`
}

type resource struct {
	Name string `json:"name"`
}

// finding writes a result as a Detection Finding. One that is a Detection Finding already stays as it
// is. What the data does not say in a place that is known is taken from the result itself.
func finding(d sinks.Delivery) ([]byte, error) {
	if !json.Valid(d.Result.Data) {
		return nil, errNotJSON
	}
	data := open(d.Result.Data)
	if data.isFinding() {
		return marshal(d.Result.Data)
	}
	severity, _ := data.severity()
	title := cmp.Or(data.title(), d.Result.Type, d.Result.ID)
	f := detectionFinding{
		ActivityID: activityCreate, ActivityName: "Create",
		CategoryUID: 2, CategoryName: "Findings",
		ClassUID: classUID, ClassName: "Detection Finding",
		SeverityID: severity, Severity: severity.String(),
		StatusID: 1, Status: "New",
		Time:    data.when(d).UnixMilli(),
		Message: cmp.Or(data.text("output"), data.in("extra").text("message"), title),
		Metadata: metadata{
			Version: schemaVersion, UID: d.ID, EventCode: d.Result.Type,
			Product: product{Name: d.Result.Source, VendorName: d.Result.Source},
		},
		FindingInfo: findingInfo{
			UID: d.Result.ID, Title: title, Desc: data.description(),
			Analytic: data.analytic(), Attacks: attacks(data.texts("tags")),
		},
	}
	if d.Result.Subject != "" {
		f.Resources = []resource{{Name: d.Result.Subject}}
	}
	f.incident(data)
	f.TypeUID = classUID*100 + f.ActivityID
	f.TypeName = f.ClassName + ": " + f.ActivityName
	if data != nil {
		f.Unmapped = d.Result.Data
	} else {
		f.RawData = string(d.Result.Data)
	}
	return marshal(f)
}

// incident adds what an incident says of the results that it gathers. Its id is that of the finding, so
// that the one which resolves it closes the same.
func (f *detectionFinding) incident(data known) {
	if data.in("incident").text("incident_id") != "" {
		data = data.in("incident")
	}
	id := data.text("incident_id")
	if id == "" {
		return
	}
	f.FindingInfo.UID = id
	f.Count = data.number("result_count")
	f.StartTime = data.number("first_seen") * 1000
	f.EndTime = data.number("last_seen") * 1000
	if data.text("state") == "resolved" {
		f.ActivityID, f.ActivityName = activityClose, "Close"
		f.StatusID, f.Status = 4, "Resolved"
	}
}

// isFinding tells whether data is a Detection Finding with all that one must have.
func (k known) isFinding() bool {
	info, meta := k.in("finding_info"), k.in("metadata")
	return k.number("class_uid") == classUID && k.number("category_uid") == 2 &&
		k.isNumber("activity_id") && k.number("type_uid") == classUID*100+k.number("activity_id") &&
		k.isNumber("severity_id") && k.number("time") != 0 &&
		meta.text("version") != "" && meta.in("product").text("vendor_name", "name", "uid") != "" &&
		info.text("uid") != "" && info.text("title") != ""
}

// when is the time of a result: as it was submitted, as its data says, or that of the first attempt.
func (k known) when(d sinks.Delivery) time.Time {
	for _, when := range []time.Time{d.Result.Time, k.time("time", "timestamp"), d.First} {
		if !when.IsZero() {
			return when
		}
	}
	return d.At
}

func (k known) title() string {
	if incident := cmp.Or(k.in("incident").text("incident_id"), k.text("incident_id")); incident != "" {
		return incidentTitle(cmp.Or(string(k.in("incident")["rule_counts"]), string(k["rule_counts"])))
	}
	return cmp.Or(k.text("rule_title", "rule", "title"), k.in("info").text("name"), k.text("check_id"),
		k.in("vulnerability").text("id"), k.text("name"))
}

// incidentTitle names the rules of an incident: "rule-1 and 2 other rules".
func incidentTitle(counts string) string {
	rules := slices.Sorted(maps.Keys(open([]byte(counts))))
	switch len(rules) {
	case 0:
		return consign.IncidentType
	case 1:
		return rules[0]
	case 2:
		return rules[0] + " and 1 other rule"
	}
	return fmt.Sprintf("%s and %d other rules", rules[0], len(rules)-1)
}

func (k known) description() string {
	return cmp.Or(k.in("info").text("description"), k.in("vulnerability").text("description"), k.text("description"))
}

// analytic is the rule that found it, where one is named.
func (k known) analytic() *analytic {
	a := analytic{
		TypeID: 1, Type: "Rule",
		Name: cmp.Or(k.text("rule_title", "rule"), k.in("info").text("name"), k.text("check_id")),
		UID:  k.text("rule_id", "template-id", "check_id"),
	}
	if a.Name == "" && a.UID == "" {
		return nil
	}
	return &a
}
