package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/embedded"
)

func backupCommand() *cobra.Command {
	var (
		options embedded.BackupOptions
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the embedded server's database, also while it runs",
		Long: `Copy the database of "consign up", whether it runs or not, as it is at one moment. FILE is written
under another name first, and takes its own once the copy is whole, has passed SQLite's integrity
check and is on the disk. Only its owner may read it: it holds every payload in clear text.

To restore it, give it an empty directory of its own, as temporal.db:

  mkdir restored && cp FILE restored/temporal.db
  consign up --data-dir restored

What happened after the backup is then done again: deliveries that were open in it are made once
more, with the same delivery ids, and dead letters replayed or discarded since are open again. What
was submitted since is not in it: submit it again. Never run the restored copy beside the original,
and never put a backup beside the temporal.db-wal of another database: that would destroy it.`,
		Example: `  consign backup /backups/consign.db
  consign backup consign.db --data-dir /var/lib/consign --overwrite --json`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.File = args[0]
			saved, err := embedded.Backup(cmd.Context(), options)
			if err != nil {
				return unlessStopped(cmd.Context(), exit.With(exit.Failed, err))
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), saved)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes, checked: a copy of %s\n", saved.File, saved.Bytes, saved.DataDir)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&options.DataDir, "data-dir", "", "data directory of the embedded server (default consign in the XDG data home, such as ~/.local/share/consign)")
	f.BoolVar(&options.Overwrite, "overwrite", false, "replace FILE if it is there")
	_ = cmd.MarkFlagDirname("data-dir")
	addJSON(cmd, &asJSON)
	return cmd
}
