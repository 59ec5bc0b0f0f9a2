package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
)

// setupTimeout bounds how long Temporal may take to make new search attributes known everywhere.
const setupTimeout = time.Minute

func setupCommand() *cobra.Command {
	var (
		connection consign.Options
		retention  time.Duration
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make a Temporal namespace fit for Consign",
		Long: `Make a Temporal namespace fit for Consign: create it if it is missing, and add the search attributes
that it lacks. What is there already is left alone, so setup can be run again at any time.

Retention is how long closed deliveries are kept, and with them the protection from duplicates.`,
		Example: `  consign setup
  consign setup --namespace security --retention 72h
  consign setup --address temporal.example.com:7233`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("retention") && retention <= 0 {
				return usage(cmd, "--retention %s: it must be above zero", retention)
			}
			temporal, namespace, err := dial(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), setupTimeout)
			defer cancel()
			changes, err := consign.Setup(ctx, temporal, namespace, retention)
			return errors.Join(printChanges(cmd, namespace, changes, asJSON, err), err)
		},
	}
	addConnection(cmd, &connection)
	cmd.Flags().DurationVar(&retention, "retention", 0, "how long closed deliveries are kept, such as 72h (default 24h for a new namespace; an existing one keeps its own)")
	addJSON(cmd, &asJSON)
	return cmd
}

// printChanges prints what was changed, also when setup has failed half-way.
func printChanges(cmd *cobra.Command, namespace string, changes []string, asJSON bool, failed error) error {
	out := cmd.OutOrStdout()
	if asJSON {
		if changes == nil {
			changes = []string{}
		}
		return writeJSON(out, map[string]any{"namespace": namespace, "changes": changes})
	}
	if len(changes) == 0 && failed == nil {
		changes = []string{"nothing to do"}
	}
	for _, change := range changes {
		if _, err := fmt.Fprintln(out, change); err != nil {
			return err
		}
	}
	return nil
}
