package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sources/nats"
)

func configCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "config",
		Short:   "Check a configuration, or show it with its defaults filled in",
		Example: "  consign config check --config consign.yaml",
	}, configCheckCommand(), configShowCommand(), configSchemaCommand())
}

func configCheckCommand() *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find every mistake in a configuration",
		Long: `Find every mistake in a configuration, each with its file, line and column. Nothing is contacted and
no file of a sink is opened. Exit code 2 if there is a mistake.`,
		Example: `  consign config check
  consign config check --config staging.yaml`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(path)
			if asJSON {
				return errors.Join(writeJSON(cmd.OutOrStdout(), verdictOn(c, err)), err)
			}
			if err != nil {
				return err
			}
			for _, note := range c.Notes {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", note.Error())
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "ok: %s\n", summary(c))
			return err
		},
	}
	addConfig(cmd, &path)
	addJSON(cmd, &asJSON)
	return cmd
}

func configShowCommand() *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the configuration with all defaults filled in, without secrets",
		Example: `  consign config show
  consign config show --json | jq .sinks`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			if asJSON {
				return c.ShowJSON(cmd.OutOrStdout())
			}
			return c.Show(cmd.OutOrStdout())
		},
	}
	addConfig(cmd, &path)
	addJSON(cmd, &asJSON)
	return cmd
}

func configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of the configuration, for editors",
		Long: `Print a JSON Schema of the configuration, for editors. It knows every name and the shape of every value;
"consign config check" finds more.`,
		Example: `  consign config schema > consign.schema.json
  # then, as the first line of consign.yaml:
  # yaml-language-server: $schema=consign.schema.json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return writeJSON(cmd.OutOrStdout(), config.Schema(kinds(), all.Documentation()))
		},
	}
}

func addConfig(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", "", "configuration file (default $"+config.PathVariable+", else consign.yaml, else results go to standard output)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// kinds are those of sinks and of sources.
func kinds() []config.Kind { return append(all.Kinds(), nats.Kind()) }

// loadConfig reads the configuration at a path, or the one to be found when there is none.
func loadConfig(path string) (*config.Config, error) {
	if path == "" {
		path = config.Find()
	}
	c, err := config.Load(path, kinds())
	if err == nil {
		err = nats.CheckShared(c)
	}
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	return c, nil
}

// summary of a configuration: "3 sinks (archive, slack, console)".
func summary(c *config.Config) string {
	names := make([]string, len(c.Sinks))
	for i, sink := range c.Sinks {
		names[i] = sink.Name
		if len(sink.Aliases) > 0 {
			names[i] += " (before: " + strings.Join(sink.Aliases, ", ") + ")"
		}
	}
	text := fmt.Sprintf("%s (%s)", count(len(names), "sink"), strings.Join(names, ", "))
	if len(c.Sources) > 0 {
		sources := make([]string, len(c.Sources))
		for i, source := range c.Sources {
			sources[i] = source.Name
		}
		text += fmt.Sprintf(", %s (%s)", count(len(sources), "source"), strings.Join(sources, ", "))
	}
	if c.Path == "" {
		text += ", built in: there is no configuration file"
	}
	return text
}

// verdict on a configuration, for machines.
type verdict struct {
	OK       bool             `json:"ok"`
	File     string           `json:"file,omitempty"`
	Sinks    []config.Sink    `json:"sinks"`
	Sources  []config.Source  `json:"sources,omitempty"`
	Notes    []config.Problem `json:"notes"`
	Problems []config.Problem `json:"problems"`
}

func verdictOn(c *config.Config, err error) verdict {
	v := verdict{OK: err == nil, Sinks: []config.Sink{}, Notes: []config.Problem{}, Problems: []config.Problem{}}
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		v.Problems = problems
	case err != nil:
		v.Problems = append(v.Problems, config.Problem{Message: err.Error()})
	default:
		v.File = c.Path
		v.Sinks = append(v.Sinks, c.Sinks...)
		v.Sources = c.Sources
		v.Notes = append(v.Notes, c.Notes...)
	}
	return v
}
