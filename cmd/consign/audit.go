package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
)

// maxAuditLine is the longest line of an audit, in bytes: a result is at most 1 MiB.
const maxAuditLine = 2 << 20

// auditFilter selects acts.
type auditFilter struct {
	since, until time.Time
	by, act, on  string
}

func auditCommand() *cobra.Command {
	var (
		filter auditFilter
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "audit [FILE]",
		Short: "Read who did what, and what happened to sinks and sources",
		Long: `Read who did what: replays, discards, pauses, reloads, each with who, when, on what, why, before and after.
In between stands what workers have seen happen: a sink's first dead letter, a circuit that opened or closed, a source
that stalled or recovered.

What people do, at the command line and at the page, is a result of the source "consign" with the type "act", and what
happens is one with the type "event". They go to sinks that ask for them by "when", and nowhere else. FILE (default
audit.ndjson) is that of such a sink:

  sinks:
    audit:
      file: {path: audit.ndjson}
      when: source == "consign"`,
		Example: `  consign audit
  consign audit /var/lib/consign/audit.ndjson --since 24h --by anna
  consign audit --act discard --json | jq -r .data.reason`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "audit.ndjson"
			if len(args) == 1 {
				path = args[0]
			}
			file, err := os.Open(path)
			if errors.Is(err, os.ErrNotExist) {
				return exit.With(exit.Usage, fmt.Errorf("there is no file %s: name that of a sink with when: source == %q, see \"consign audit --help\"", path, consign.ReportSource))
			}
			if err != nil {
				return exit.With(exit.Usage, err)
			}
			defer file.Close()
			return audit(cmd, file, filter, asJSON)
		},
	}
	cmd.Flags().Var(timeFlag{&filter.since}, "since", "only what was done since then: how long ago, such as 2h, or a time")
	cmd.Flags().Var(timeFlag{&filter.until}, "until", "only what was done before then")
	cmd.Flags().StringVar(&filter.by, "by", "", "only what somebody did, or a worker saw, whose name has this in it")
	cmd.Flags().StringVar(&filter.act, "act", "", "only acts or events of this name, such as discard or circuit-opened")
	cmd.Flags().StringVar(&filter.on, "on", "", "only what was done to something that has this in its name")
	addJSON(cmd, &asJSON)
	return cmd
}

// done is an act, and the result that tells of it.
type done struct {
	consign.Result
	consign.Act
}

// audit prints the acts and events of a file in the order in which they happened, which deliveries need not keep. Of one
// that is delivered twice, which a crash may cause, the first counts. Lines that tell of something else are passed over, and those that are no JSON, such as the last one of a disk
// that was full, are counted.
func audit(cmd *cobra.Command, from io.Reader, filter auditFilter, asJSON bool) error {
	var found []done
	seen := map[string]bool{}
	unreadable := 0
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxAuditLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var r consign.Result
		var act consign.Act
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			unreadable++
			continue
		}
		if r.Source != consign.ReportSource || r.Type != consign.ActType && r.Type != consign.EventType || seen[r.ID] || json.Unmarshal(r.Data, &act) != nil || !filter.takes(r, act) {
			continue
		}
		seen[r.ID] = true
		found = append(found, done{r, act})
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the audit: %w", err)
	}
	if unreadable > 0 {
		verb := "are"
		if unreadable == 1 {
			verb = "is"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %s %s no JSON, and passed over\n", count(unreadable, "line"), verb)
	}
	slices.SortStableFunc(found, func(a, b done) int { return a.Time.Compare(b.Time) })
	out := newTable(cmd.OutOrStdout(), "WHEN", "BY", "ACT", "ON", "BEFORE", "AFTER", "REASON")
	for _, one := range found {
		var err error
		if act := one.Act; asJSON {
			err = writeJSON(cmd.OutOrStdout(), one.Result)
		} else {
			err = out.row(one.Time.Local().Format(time.DateTime), act.By, act.Act, act.On, cmp.Or(act.Before, "-"), cmp.Or(act.After, "-"), act.Reason)
		}
		if err != nil {
			return err
		}
	}
	return out.flush()
}

func (f auditFilter) takes(r consign.Result, act consign.Act) bool {
	return !r.Time.Before(f.since) && (f.until.IsZero() || r.Time.Before(f.until)) && strings.Contains(act.By, f.by) &&
		(f.act == "" || act.Act == f.act) && strings.Contains(act.On, f.on)
}
