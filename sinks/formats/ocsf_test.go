package formats_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestOCSF_RealResults_HaveWhatTheSchemaRequires(t *testing.T) {
	t.Parallel()
	rules := readRules(t)
	for _, delivery := range sinktest.RealResults(t) {
		rules.check(t, delivery, encode(t, formats.OCSF, delivery))
	}
}

func TestOCSF_RealResults_KeepTheirBytes(t *testing.T) {
	t.Parallel()
	for _, delivery := range sinktest.RealResults(t) {
		line := encode(t, formats.OCSF, delivery)
		var parts struct {
			ClassUID int             `json:"class_uid"`
			Unmapped json.RawMessage `json:"unmapped"`
			RawData  string          `json:"raw_data"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &parts))
		data := string(delivery.Result.Data)
		switch {
		case delivery.Result.Type == "ocsf-finding":
			require.Equal(t, data, line, "what is a finding already stays as it is")
		case strings.HasPrefix(data, "{"):
			require.Equal(t, data, string(parts.Unmapped), "unmapped of %s", delivery.Result.ID)
		default:
			require.Equal(t, data, parts.RawData, "raw_data of %s", delivery.Result.ID)
		}
	}
}

func TestOCSF_EachEngine_IsUnderstood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data, want string
	}{
		"Detection": {
			`{"rule_title":"Suspicious whoami","rule_id":"8b1d","level":"medium","tags":["attack.t1059.001","attack.execution","attack.t1033","attack.credential-access","cve.2023.1"],"matched_fields":[]}`,
			`{"activity_id":1,"activity_name":"Create","severity_id":3,"severity":"Medium","status_id":1,"message":"Suspicious whoami","type_uid":200401,"type_name":"Detection Finding: Create",
			  "finding_info":{"uid":"x","title":"Suspicious whoami","analytic":{"type_id":1,"type":"Rule","name":"Suspicious whoami","uid":"8b1d"},
			  "attacks":[{"sub_technique":{"uid":"T1059.001"}},{"tactic":{"name":"Execution","uid":"TA0002"}},{"technique":{"uid":"T1033"}},{"tactic":{"name":"Credential Access","uid":"TA0006"}}]}}`,
		},
		"Correlation": {
			`{"rule_title":"Brute Force","rule_id":null,"level":"high","tags":[],"correlation_type":"event_count"}`,
			`{"severity_id":4,"finding_info":{"uid":"x","title":"Brute Force","analytic":{"type_id":1,"type":"Rule","name":"Brute Force"}}}`,
		},
		"Incident": {
			`{"incident_id":"f8bc","state":"open","first_seen":1719412800,"last_seen":1719412860,"max_level":"high","result_count":4,"rule_counts":{"rule-2":1,"rule-1":3}}`,
			`{"severity_id":4,"activity_id":1,"type_uid":200401,"status":"New","count":4,"start_time":1719412800000,"end_time":1719412860000,"finding_info":{"uid":"f8bc","title":"rule-1 and 1 other rule"}}`,
		},
		"ResolvedIncident": {
			`{"incident_id":"f8bc","state":"resolved","max_level":"critical","rule_counts":{"c":1,"b":1,"a":1}}`,
			`{"severity_id":5,"activity_id":3,"activity_name":"Close","type_uid":200403,"type_name":"Detection Finding: Close","status_id":4,"status":"Resolved","finding_info":{"uid":"f8bc","title":"a and 2 other rules"}}`,
		},
		"IncidentBundle": {
			`{"generated_at":"2026-07-26T12:00:00Z","incident":{"incident_id":"f8bc","max_level":"low","rule_counts":{"a":1}}}`,
			`{"severity_id":2,"finding_info":{"uid":"f8bc","title":"a"}}`,
		},
		"Falco": {
			`{"output":"Warning K8s Operation","priority":"Warning","rule":"Disallowed K8s User","time":"2025-02-10T09:15:40.698757000Z","tags":["k8s"]}`,
			`{"severity_id":3,"time":1772368200123,"message":"Warning K8s Operation","finding_info":{"uid":"x","title":"Disallowed K8s User","analytic":{"type_id":1,"type":"Rule","name":"Disallowed K8s User"}}}`,
		},
		"Nuclei": {
			`{"template-id":"phpinfo","info":{"name":"PHPinfo Page","severity":"low","description":"PHPinfo page was detected."}}`,
			`{"severity_id":2,"finding_info":{"uid":"x","title":"PHPinfo Page","desc":"PHPinfo page was detected.","analytic":{"type_id":1,"type":"Rule","name":"PHPinfo Page","uid":"phpinfo"}}}`,
		},
		"Semgrep": {
			`{"check_id":"python.flush","extra":{"message":"Using temp.name","severity":"ERROR"}}`,
			`{"severity_id":4,"message":"Using temp.name","finding_info":{"uid":"x","title":"python.flush","analytic":{"type_id":1,"type":"Rule","name":"python.flush","uid":"python.flush"}}}`,
		},
		"Grype": {
			`{"vulnerability":{"id":"CVE-1999-1338","severity":"Negligible","description":"Delegate proxy"},"artifact":{"name":"delegate"}}`,
			`{"severity_id":1,"severity":"Informational","finding_info":{"uid":"x","title":"CVE-1999-1338","desc":"Delegate proxy"}}`,
		},
		"NothingKnown": {
			`{"rule":{"id":1},"level":7,"tags":"none","time":1}`,
			`{"severity_id":0,"severity":"Unknown","message":"detection","finding_info":{"uid":"x","title":"detection"},"resources":[{"name":"host & user"}]}`,
		},
		"NoObject":   {`[1.50,null]`, `{"severity_id":0,"raw_data":"[1.50,null]","finding_info":{"uid":"x","title":"detection"}}`},
		"HalfOfOCSF": {`{"class_uid":2004,"severity":"High"}`, `{"class_uid":2004,"severity_id":4,"unmapped":{"class_uid":2004,"severity":"High"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delivery := sinktest.Delivery("x", []byte(test.data))
			line := encode(t, formats.OCSF, delivery)
			readRules(t).check(t, delivery, line)
			var got, want map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &got))
			require.NoError(t, json.Unmarshal([]byte(test.want), &want))
			for field, value := range want {
				require.Equal(t, value, got[field], field)
			}
		})
	}
}

func TestOCSF_AFindingStaysAsItIs_AndOneThatLacksSomethingIsData(t *testing.T) {
	t.Parallel()
	const finding = `{"activity_id":2,"category_uid":2,"class_uid":2004,"type_uid":200402,"severity_id":0,"time":1772368200123,` +
		`"metadata":{"version":"1.5.0","product":{"name":"edr"}},"finding_info":{"uid":"u","title":"t"}}`
	delivery := sinktest.Delivery("x", []byte(finding))
	require.Equal(t, finding, encode(t, formats.OCSF, delivery))
	for _, change := range [][2]string{
		{`"activity_id":2`, `"activity_id":null`},
		{`"activity_id":2`, `"activity_id":"2"`},
		{`"category_uid":2`, `"category_uid":3`},
		{`"class_uid":2004`, `"class_uid":2001`},
		{`"type_uid":200402`, `"type_uid":200401`},
		{`"severity_id":0`, `"severity_id":null`},
		{`"time":1772368200123`, `"time":"2026-03-01T12:30:00Z"`},
		{`"version":"1.5.0",`, ``},
		{`"product":{"name":"edr"}`, `"product":null`},
		{`"product":{"name":"edr"}`, `"product":{}`},
		{`"uid":"u",`, ``},
		{`"title":"t"`, `"title":""`},
	} {
		require.Contains(t, finding, change[0])
		delivery.Result.Data = []byte(strings.Replace(finding, change[0], change[1], 1))
		line := encode(t, formats.OCSF, delivery)
		require.Contains(t, line, `"unmapped":`+string(delivery.Result.Data), "%s", change[1])
		readRules(t).check(t, delivery, line)
	}
}

func TestOCSF_Time_IsTheResultsThenTheDatasThenThatOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	delivery := sinktest.Delivery("time", []byte(`{"timestamp":"2026-01-12T13:46:54.5+01:00"}`))
	at := func() time.Time {
		var got struct {
			Time int64 `json:"time"`
		}
		require.NoError(t, json.Unmarshal([]byte(encode(t, formats.OCSF, delivery)), &got))
		return time.UnixMilli(got.Time).UTC()
	}
	require.Equal(t, time.Date(2026, 3, 1, 12, 30, 0, 123e6, time.UTC), at())
	delivery.Result.Time = time.Time{}
	require.Equal(t, time.Date(2026, 1, 12, 12, 46, 54, 500e6, time.UTC), at())
	delivery.Result.Data = []byte(`{}`)
	require.Equal(t, delivery.First.UTC().Truncate(time.Millisecond), at())
}

func TestSeverityOf_RealResults_IsKnownForThoseOfScanners(t *testing.T) {
	t.Parallel()
	unknown := map[string]int{}
	for _, delivery := range sinktest.RealResults(t) {
		if severity, word := formats.SeverityOf(delivery.Result.Data); severity == formats.Unknown {
			require.Empty(t, word)
			unknown[delivery.Result.Source]++
		}
	}
	for _, source := range []string{"falco", "nuclei", "semgrep", "grype"} {
		require.Zero(t, unknown[source], source)
	}
}

// rules are what testdata says of the schema. Paths are those of [at].
type rules struct {
	Required   map[string][]string `json:"required"`
	AtLeastOne map[string][]string `json:"at_least_one"`
	Attributes map[string][]string `json:"attributes"`
	Enums      map[string]struct {
		// Sibling is the attribute beside it that has the caption.
		Sibling  string            `json:"sibling"`
		Captions map[string]string `json:"captions"`
	} `json:"enums"`
	Text   []string `json:"text"`
	Number []string `json:"number"`
	Object []string `json:"object"`
}

func readRules(t *testing.T) rules {
	t.Helper()
	content, err := os.ReadFile("testdata/detection_finding-1.1.0.json")
	require.NoError(t, err)
	var r rules
	require.NoError(t, json.Unmarshal(content, &r))
	require.NotEmpty(t, r.Required)
	require.NotEmpty(t, r.Attributes)
	require.NotEmpty(t, r.Enums)
	return r
}

func (r rules) check(t *testing.T, delivery sinks.Delivery, line string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	var finding any
	require.NoError(t, decoder.Decode(&finding))
	id := delivery.Result.ID
	r.checkNames(t, finding, id)
	for path, enum := range r.Enums {
		parent, name := "", path
		if dot := strings.LastIndexByte(path, '.'); dot >= 0 {
			parent, name = path[:dot], path[dot+1:]
		}
		for _, object := range at(finding, parent) {
			fields := object.(map[string]any)
			value, found := fields[name].(json.Number)
			if !found {
				continue
			}
			require.Contains(t, enum.Captions, value.String(), "%s of %s", path, id)
			if caption, found := fields[enum.Sibling]; found {
				require.Equal(t, enum.Captions[value.String()], caption, "%s beside %s of %s", enum.Sibling, path, id)
			}
		}
	}
	number := func(name string) int64 {
		n, err := finding.(map[string]any)[name].(json.Number).Int64()
		require.NoError(t, err, "%s of %s", name, id)
		return n
	}
	require.Equal(t, number("class_uid")*100+number("activity_id"), number("type_uid"), id)
	require.Greater(t, number("time"), int64(1_000_000_000_000), "milliseconds, of %s", id)
	for want, paths := range map[any][]string{"": r.Text, json.Number(""): r.Number} {
		for _, path := range paths {
			for _, value := range at(finding, path) {
				require.IsType(t, want, value, "%s of %s", path, id)
			}
		}
	}
	for _, path := range r.Object {
		for _, value := range at(finding, path) {
			require.IsType(t, map[string]any{}, value, "%s of %s", path, id)
		}
	}
}

// checkNames checks that each object has the attributes that it must have, and none that there is not.
func (r rules) checkNames(t *testing.T, finding any, id string) {
	t.Helper()
	for path, known := range r.Attributes {
		for _, object := range at(finding, path) {
			require.Subset(t, known, slices.Collect(maps.Keys(object.(map[string]any))), "%s of %s", path, id)
		}
	}
	for path, names := range r.Required {
		for _, object := range at(finding, path) {
			for _, name := range names {
				require.Contains(t, object, name, "%s of %s", path, id)
				require.NotEmpty(t, object.(map[string]any)[name], "%s.%s of %s", path, name, id)
			}
		}
	}
	for path, names := range r.AtLeastOne {
		for _, object := range at(finding, path) {
			fields := object.(map[string]any)
			require.True(t, slices.ContainsFunc(names, func(name string) bool { return fields[name] != nil }), "%s of %s", path, id)
		}
	}
}

// at returns what stands at a path such as "finding_info.attacks[]", each item of a list by itself.
func at(value any, path string) []any {
	if path == "" {
		return []any{value}
	}
	name, rest, _ := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(name, "[]")
	inner, found := value.(map[string]any)[name]
	if !found {
		return nil
	}
	items := []any{inner}
	if isList {
		items = inner.([]any)
	}
	var all []any
	for _, item := range items {
		all = append(all, at(item, rest)...)
	}
	return all
}
