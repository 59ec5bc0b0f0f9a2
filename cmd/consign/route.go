package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/cmd/internal/submit"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

func routeCommand() *cobra.Command {
	var (
		path    string
		asJSON  bool
		results submit.Results
	)
	cmd := &cobra.Command{
		Use:   "route [FILE...]",
		Short: "Show which sinks would get results, and the exact request, without sending any",
		Long: `Show, for each result in FILE or standard input, which sinks would get it by the configuration, and the
exact request or message, with secrets masked. Nothing is sent, opened or written, and no Temporal is
needed. Input is what submit reads.

Exit code 1 if a value is no result, or one would be parked since a "when", or what a sink would send, cannot
be evaluated on it.`,
		Example: `  consign route results.ndjson
  scanner --json | consign route --source scanner --config staging.yaml
  consign route --json results.ndjson | jq -r '.legs[].sink' | sort | uniq -c`,
		RunE: func(cmd *cobra.Command, files []string) error {
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				files = []string{"-"}
			}
			r := router{
				config: c, now: time.Now(),
				activities: &activities.Activities{Metrics: activities.NewMetrics(prometheus.NewRegistry())},
			}
			r.activities.Use(&activities.Current{Config: c})
			failed := 0
			err = results.Read(cmd.Context(), files, cmd.InOrStdin(), func(place string, result consign.Result, err error) error {
				if err != nil {
					failed++
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", place, printable(err.Error()))
					return nil
				}
				way, err := r.route(cmd, result)
				if err != nil {
					return fmt.Errorf("%s: %w", place, err)
				}
				way.Place = place
				failed += way.undecided()
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), way)
				}
				return way.print(cmd.OutOrStdout())
			})
			if err == nil && failed > 0 {
				return exit.With(exit.Failed, nil)
			}
			return err
		},
	}
	addConfig(cmd, &path)
	results.AddFlags(cmd.Flags())
	addJSON(cmd, &asJSON)
	return cmd
}

// router tells the way of results by a configuration.
type router struct {
	config     *config.Config
	activities *activities.Activities
	now        time.Time
}

// way is where one result would go.
type way struct {
	Place  string `json:"place"`
	Source string `json:"source"`
	ID     string `json:"id"`
	// Legs in configuration order.
	Legs []wayLeg `json:"legs"`
	// Unmatched says what becomes of a result that no sink wants.
	Unmatched config.Unmatched `json:"unmatched,omitempty"`
}

// wayLeg is one sink that would get it.
type wayLeg struct {
	Sink string `json:"sink"`
	Kind string `json:"kind"`
	// Request is what would be sent, or kind and address where the kind cannot tell.
	Request string `json:"request,omitempty"`
	// Undecided says why the sink's "when", or the request, cannot be evaluated: the result would be parked.
	Undecided string `json:"undecided,omitempty"`
}

func (r router) route(cmd *cobra.Command, result consign.Result) (way, error) {
	route, err := r.activities.Route(cmd.Context(), activities.RouteInput{Results: []consign.Result{result}})
	if err != nil {
		return way{}, err
	}
	found := way{Source: result.Source, ID: result.ID, Legs: []wayLeg{}, Unmatched: route.Unmatched}
	for _, to := range route.Legs {
		leg := wayLeg{Sink: to.Sink, Kind: to.Kind}
		if len(to.Undecided) > 0 {
			leg.Undecided = to.Undecided[0].Cause
		} else if leg.Request, err = r.request(to.Sink, result); sinks.Classify(err).Permanent {
			leg.Undecided = r.config.Redact(err.Error())
		} else if err != nil {
			return found, fmt.Errorf("sink %s: %w", to.Sink, err)
		}
		found.Legs = append(found.Legs, leg)
	}
	return found, nil
}

// request is what the sink would send.
func (r router) request(name string, result consign.Result) (string, error) {
	for _, sink := range r.config.Sinks {
		if sink.Name != name {
			continue
		}
		previewer, ok := sink.Settings.(sinks.Previewer)
		if !ok {
			return r.config.Address(sink), nil
		}
		shown, err := previewer.Preview(sinks.Delivery{
			ID: consign.DeliveryID(result.Source, result.ID, name), Result: result, First: r.now, At: r.now, Attempt: 1,
		})
		return r.config.Redact(shown), err
	}
	return "", nil
}

func (w way) undecided() int {
	count := 0
	for _, leg := range w.Legs {
		if leg.Undecided != "" {
			count++
		}
	}
	return count
}

// print writes it for people.
func (w way) print(to io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", printable(w.Place+": "+w.Source+"/"+w.ID))
	for _, leg := range w.Legs {
		fmt.Fprintf(&out, "  to %s (%s)\n", leg.Sink, leg.Kind)
		text := leg.Request
		if leg.Undecided != "" {
			text = "would be parked: " + leg.Undecided
		}
		for line := range strings.Lines(text) {
			fmt.Fprintf(&out, "    %s\n", printable(strings.TrimSuffix(line, "\n")))
		}
	}
	if w.Unmatched != "" {
		fmt.Fprintf(&out, "  no sink wants it (unmatched: %s)\n", w.Unmatched)
	}
	_, err := io.WriteString(to, out.String())
	return err
}
