package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
)

// everySink stands for the settings that every sink has, where a kind's name could.
const everySink = "every"

func sinksKindsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "kinds [KIND]",
		Short: "Show the kinds of sinks, or the settings of one",
		Long: `Show the kinds of sinks, or the settings of one. "` + everySink + `" shows the settings that every sink has. No server and no
configuration is needed.`,
		Example: `  consign sinks kinds
  consign sinks kinds webhook
  consign sinks kinds every`,
		Args:      arguments(cobra.MaximumNArgs(1)),
		ValidArgs: append(kindNames(), everySink),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return showKinds(cmd, asJSON)
			}
			return showKind(cmd, args[0], asJSON)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

func kindNames() []string {
	var names []string
	for _, kind := range all.Kinds() {
		names = append(names, kind.Name)
	}
	return names
}

// kindEntry is a kind, for machines.
type kindEntry struct {
	Name     string         `json:"name"`
	Summary  string         `json:"summary"`
	Network  bool           `json:"network"`
	Settings []settingEntry `json:"settings,omitempty"`
}

// settingEntry is a setting, for machines.
type settingEntry struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default,omitempty"`
	Says    string `json:"says"`
}

func showKinds(cmd *cobra.Command, asJSON bool) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, kind := range all.Kinds() {
		if asJSON {
			if err := writeJSON(cmd.OutOrStdout(), kindEntry{Name: kind.Name, Summary: kind.Summary, Network: kind.Network}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%s\n", kind.Name, kind.Summary)
	}
	return table.Flush()
}

func showKind(cmd *cobra.Command, name string, asJSON bool) error {
	settings, entry := config.SettingsOfEvery(true), kindEntry{Name: everySink, Summary: "settings of every sink; defaults of kinds that cross a network"}
	if name != everySink {
		at := slices.IndexFunc(all.Kinds(), func(kind config.Kind) bool { return kind.Name == name })
		if at < 0 {
			return usage(cmd, "no kind %q: there are %s", name, strings.Join(append(kindNames(), everySink), ", "))
		}
		kind := all.Kinds()[at]
		settings, entry = config.SettingsOf(kind), kindEntry{Name: kind.Name, Summary: kind.Summary, Network: kind.Network}
	}
	for _, s := range settings {
		entry.Settings = append(entry.Settings, settingEntry{Name: s.Name, Value: s.Form, Default: s.Default, Says: all.Documentation()[s.Key]})
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), entry)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s: %s\n", entry.Name, entry.Summary)
	for _, s := range entry.Settings {
		fmt.Fprintf(out, "\n%s: %s", s.Name, s.Value)
		if s.Default != "" {
			fmt.Fprintf(out, " (default %s)", s.Default)
		}
		fmt.Fprintf(out, "\n  %s\n", strings.ReplaceAll(s.Says, "\n", "\n  "))
	}
	return nil
}
