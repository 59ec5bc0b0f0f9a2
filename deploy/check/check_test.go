package check

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// series are the labels of each that the documentation names; those of a histogram are its parts.
func series(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(consign_\\w+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		var names []string
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[3], -1) {
			names = append(names, name[1])
		}
		if row[2] != "histogram" {
			found[row[1]] = names
			continue
		}
		found[row[1]+"_bucket"] = append(slices.Clone(names), "le")
		found[row[1]+"_sum"], found[row[1]+"_count"] = names, names
	}
	if len(found) < 15 {
		t.Fatalf("docs/metrics.md names %d series only: its table has another form", len(found))
	}
	return found
}

// wrong says what is wrong with an expression: its syntax, or a series or label that there is not.
func wrong(expression string, known map[string][]string) error {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		return err
	}
	selectors := 0
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		var names []string
		switch n := node.(type) {
		case *parser.VectorSelector:
			selectors++
			if _, there := known[n.Name]; !there {
				err = fmt.Errorf("there is no series %s", n.Name)
				return nil
			}
			for _, matcher := range n.LabelMatchers {
				if matcher.Name != labels.MetricName && !slices.Contains(known[n.Name], matcher.Name) {
					err = fmt.Errorf("%s has no label %s", n.Name, matcher.Name)
				}
			}
		case *parser.AggregateExpr:
			names = n.Grouping
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				names = n.VectorMatching.MatchingLabels
			}
		}
		for _, name := range names {
			if !slices.Contains([]string{"sink", "result", "outcome", "le"}, name) {
				err = fmt.Errorf("no series has a label %s", name)
			}
		}
		return nil
	})
	if selectors == 0 && err == nil {
		err = fmt.Errorf("it asks for no series")
	}
	return err
}

func TestRules_AreTaken_AndAskForWhatThereIs(t *testing.T) {
	known := series(t)
	groups, problems := rulefmt.ParseFile("../prometheus/consign.rules.yaml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if err := wrong(rule.Expr, known); err != nil {
				t.Errorf("%s: %s: %v", rule.Alert, rule.Expr, err)
			}
			if rule.Annotations["summary"] == "" || rule.Annotations["do"] == "" || rule.Labels["severity"] == "" {
				t.Errorf("%s says not what it is, what to do, or how urgent it is", rule.Alert)
			}
		}
	}
}

func TestDashboard_AsksForWhatThereIs(t *testing.T) {
	known := series(t)
	content, err := os.ReadFile("../grafana/consign.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || len(panel.Targets) == 0 {
			t.Errorf("%s: its id is another's, or it asks for nothing", panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			// What Grafana puts in.
			expression := strings.NewReplacer("$__rate_interval", "5m", "$sink", ".*").Replace(target.Expr)
			if err := wrong(expression, known); err != nil {
				t.Errorf("%s: %s: %v", panel.Title, target.Expr, err)
			}
		}
	}
	if len(ids) == 0 {
		t.Error("it has no panels")
	}
}

func TestWrong_WhatIsMisspelt_IsFound(t *testing.T) {
	known := series(t)
	for _, expression := range []string{
		"sum(rate(consign_deliverys_total[5m]))", `consign_inflight{snk="a"}`, "sum by (snk) (consign_inflight)", "consign_delivery_seconds", "rate(", "1",
		"consign_inflight and on (snk) consign_queue_backlog",
	} {
		if wrong(expression, known) == nil {
			t.Error(expression)
		}
	}
	if err := wrong(`histogram_quantile(0.95, sum by (le) (rate(consign_delivery_seconds_bucket{sink="a"}[5m])))`, known); err != nil {
		t.Error(err)
	}
}
