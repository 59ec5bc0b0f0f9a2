package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign/cmd/internal/demo"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/cmd/internal/submit"
)

func rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "consign",
		Short: "Deliver results to every sink, durably, on Temporal",
		Long: `Consign delivers results (JSON events) to every configured sink, durably, on Temporal: each result
is retried at each sink, parked as a dead letter when retries are exhausted, and acked once every
sink has taken it or had it parked.

` + exit.Help + `

Commands that talk to Temporal find it as the temporal CLI does: by flags, TEMPORAL_ADDRESS and its
like in the environment, or a profile in temporal.toml; else on 127.0.0.1:7233.`,
		Example: `  consign demo
  consign up
  consign submit --source scanner --wait results.ndjson
  consign dead-letters list`,
		SilenceUsage:  true,
		SilenceErrors: true,
	})
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%w", err) })
	root.AddCommand(
		demo.Command(release()), upCommand(), workerCommand(), submit.Command(release()), statusCommand(), traceCommand(), tailCommand(), deadLettersCommand(), resendCommand(), doctorCommand(), sinksCommand(), reloadCommand(), drainCommand(),
		routeCommand(), configCommand(), setupCommand(), backupCommand(), auditCommand(), codecCommand(), versionCommand(),
	)
	return root
}

// group makes a command that only holds others: it shows its help, and names the nearest command
// when there is none of a name.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usage(cmd, "unknown command %q: did you mean %q?", args[0], near[0])
		}
		return usage(cmd, "unknown command %q", args[0])
	}
	return cmd
}

// usage is the error of a command that was called wrongly.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return exit.With(exit.Usage, fmt.Errorf(format+" (see \"%s --help\")", append(args, cmd.CommandPath())...))
}

// arguments checks positional arguments.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage(cmd, "%w", err)
		}
		return nil
	}
}
