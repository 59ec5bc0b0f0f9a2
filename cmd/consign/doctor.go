package main

import (
	"context"
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
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/status"
)

// finding is what one look of the doctor has come to.
type finding struct {
	// About is what was looked at, What what was seen there.
	About string `json:"about"`
	What  string `json:"what"`
	// Wrong says that something is to be done: Do.
	Wrong bool   `json:"wrong,omitempty"`
	Do    string `json:"do,omitempty"`
}

// doctor looks at one thing after the other.
type doctor struct{ findings []finding }

func (d *doctor) well(about, what string) {
	d.findings = append(d.findings, finding{About: about, What: what})
}

func (d *doctor) wrong(about, what, do string) {
	d.findings = append(d.findings, finding{About: about, What: what, Wrong: true, Do: do})
}

func doctorCommand() *cobra.Command {
	var (
		connection consign.Options
		path       string
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with this installation, and say what to do",
		Long: `Look for what is wrong with this installation, and say what to do: the configuration here, Temporal and its version,
the namespace with its search attributes and retention, workers with their clocks, releases and configurations, sinks, and the
disk of an embedded server. It changes nothing, and sends nothing to sinks: "consign sinks test" does.

Exit code 1 when something is wrong.`,
		Example: `  consign doctor
  consign doctor --config /etc/consign/consign.yaml --address temporal.example.com:7233`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &doctor{}
			d.configuration(path)
			d.installation(cmd.Context(), connection)
			if err := d.tell(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if slices.ContainsFunc(d.findings, func(f finding) bool { return f.Wrong }) {
				return exit.With(exit.Failed, nil)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "config", "", "the configuration file to look at (default: the one that \"consign up\" would take here)")
	addConnection(cmd, &connection)
	addJSON(cmd, &asJSON)
	return cmd
}

func (d *doctor) tell(out io.Writer, asJSON bool) error {
	for _, f := range d.findings {
		if asJSON {
			if err := writeJSON(out, f); err != nil {
				return err
			}
			continue
		}
		mark := "ok"
		if f.Wrong {
			mark = "!!"
		}
		fmt.Fprintf(out, "%s  %s: %s\n", mark, printable(f.About), printable(f.What))
		if f.Do != "" {
			fmt.Fprintf(out, "      > %s\n", printable(f.Do))
		}
	}
	return nil
}

// configuration looks at the file here, where there is one.
func (d *doctor) configuration(path string) {
	if path == "" {
		if path = config.Find(); path == "" {
			d.well("configuration", "none here")
			return
		}
	}
	c, err := loadConfig(path)
	problems, many := errors.AsType[config.Problems](err)
	switch {
	case many:
		for _, problem := range problems {
			d.wrong("configuration", problem.Error(), "mend it, then: consign config check")
		}
	case err != nil:
		do := ""
		if errors.Is(err, os.ErrNotExist) {
			do = "name the file that there is by --config"
		}
		d.wrong("configuration", err.Error(), do)
	default:
		d.well("configuration", path+": "+summary(c))
	}
}

// installation looks at what is reached through Temporal. Where that is not reached there is nothing to see.
func (d *doctor) installation(ctx context.Context, connection consign.Options) {
	temporal, options, err := dialAt(ctx, connection)
	if err != nil {
		d.wrong("temporal", err.Error(), "start it, or say where it is: --address, TEMPORAL_ADDRESS, or a profile of temporal.toml")
		return
	}
	defer temporal.Close()
	if err := consign.CheckSetup(ctx, temporal, options.Namespace); err != nil {
		d.wrong("namespace "+options.Namespace, err.Error(), "consign setup, once")
		return
	}
	d.well("namespace "+options.Namespace, "has the search attributes "+strings.Join(consign.SearchAttributes(), ", "))
	overview, err := status.Read(ctx, temporal, options.Namespace)
	if err != nil {
		d.wrong("status", err.Error(), "")
		return
	}
	d.well("temporal", fmt.Sprintf("%s answers, version %s", options.HostPort, overview.Engine.Version))
	d.retention(overview.Engine.Retention.Duration())
	d.workers(overview)
	for _, attention := range overview.Attention {
		d.wrong(attention.About, attention.What, attention.Do)
	}
	for _, missing := range overview.Missing {
		d.wrong("status", "not everything could be found out: "+missing, "")
	}
}

// retention looks at how long closed deliveries are kept.
func (d *doctor) retention(kept time.Duration) {
	text := fmt.Sprintf("closed deliveries are kept for %s, and so long a result that is submitted again is known", kept)
	if kept < consign.DefaultRetention {
		d.wrong("retention", text, "make it as long as a producer may take to try again: consign setup --retention 24h")
		return
	}
	d.well("retention", text)
}

// workers tells what is well with them; what is not stands under attention.
func (d *doctor) workers(overview status.Overview) {
	for _, worker := range overview.Workers {
		if worker.Standing == nil {
			continue
		}
		about, told := "worker "+worker.Identity, worker.Standing
		text := fmt.Sprintf("release %s, up %s, %s, its clock %s from Temporal's", told.Release, overview.At.Sub(told.Since).Round(time.Second), count(len(told.Sinks), "sink"), told.Ahead.Duration().Abs())
		if told.Release != release() {
			d.wrong(about, text+fmt.Sprintf("; this command is %s", release()), "use one release: renew workers before producers")
		} else {
			d.well(about, text)
		}
	}
	open := 0
	for _, sink := range overview.Sinks {
		if sink.State == status.StateOpen {
			open++
		}
	}
	d.well("sinks", fmt.Sprintf("%d of %d open", open, len(overview.Sinks)))
	if disk := overview.Engine.Disk; disk != nil && disk.Full == "" {
		d.well("disk", fmt.Sprintf("%s holds %d MB, and the disk has room for %d MB more", disk.Dir, disk.Used>>20, disk.Room>>20))
	}
}
