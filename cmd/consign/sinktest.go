package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// tested is what a sink made of a test, for machines.
type tested struct {
	Sink       string `json:"sink"`
	Kind       string `json:"kind"`
	Outcome    string `json:"outcome"`
	DeliveryID string `json:"delivery_id"`
	Took       int64  `json:"took_ms"`
	Label      string `json:"label,omitempty"`
	Cause      string `json:"cause,omitempty"`
	// Permanent failures are parked at once, and Busy means that the sink asked to be left alone.
	Permanent bool `json:"permanent,omitempty"`
	Busy      bool `json:"busy,omitempty"`
}

func sinksTestCommand() *cobra.Command {
	var (
		path   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Send one marked test result through a configured sink, from this process",
		Long: `Send one marked test result through a configured sink, from this process and without Temporal, and say
what the sink made of it. The result's source is "consign" and its type "consign.test". It is tried once,
also while the sink is paused.

Exit code 1 if the sink did not take it.`,
		Example: "  consign sinks test slack --config consign.yaml",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			sink, err := sinkNamed(cmd, c, args[0])
			if err != nil {
				return err
			}
			report, err := testSink(cmd.Context(), c, sink)
			if err != nil {
				return err
			}
			return tellTested(cmd, asJSON, report)
		},
	}
	addConfig(cmd, &path)
	addJSON(cmd, &asJSON)
	return cmd
}

func sinkNamed(cmd *cobra.Command, c *config.Config, name string) (config.Sink, error) {
	for _, sink := range c.Sinks {
		if sink.Name != name {
			continue
		}
		if sink.External {
			return sink, usage(cmd, "sink %s is served by a worker of its own: nothing can be sent to it from here", name)
		}
		return sink, nil
	}
	return config.Sink{}, usage(cmd, "there is no sink %q in the configuration: it has %s", name, summary(c))
}

// testSink makes one attempt.
func testSink(ctx context.Context, c *config.Config, settings config.Sink) (tested, error) {
	kind, ok := settings.Settings.(sinks.Settings)
	if !ok {
		return tested{}, fmt.Errorf("sink %s: kind %s cannot be opened", settings.Name, settings.Kind)
	}
	path := "sinks." + settings.Name + "." + settings.Kind
	sink, err := kind.Open(ctx, settings.Name)
	if err != nil {
		return tested{}, exit.With(exit.Usage, fmt.Errorf("%s: %s", path, c.Redact(err.Error())))
	}
	now := time.Now()
	result := consign.Result{
		Source: "consign", ID: "test-" + uuid.NewString(), Type: "consign.test", Subject: settings.Name, Time: now,
		Data: []byte(`{"test":true,"message":"A test of this sink by \"consign sinks test\". Nothing has happened."}`),
	}
	delivery := sinks.Delivery{ID: consign.DeliveryID(result.Source, result.ID, settings.Name), Result: result, First: now, At: now, Attempt: 1}
	report := tested{Sink: settings.Name, Kind: settings.Kind, Outcome: string(consign.Delivered), DeliveryID: delivery.ID}
	limited, cancel := context.WithTimeout(ctx, settings.Timeout)
	defer cancel()
	errs := sink.Deliver(limited, []sinks.Delivery{delivery})
	report.Took = time.Since(now).Milliseconds()
	if err := errors.Join(errs...); err != nil {
		failure := sinks.Classify(activities.Classed(settings, err))
		report.Outcome, report.Label, report.Cause = "failed", failure.Label, c.Redact(failure.Message)
		report.Permanent, report.Busy = failure.Permanent, failure.Busy
	}
	if err := sink.Close(ctx); err != nil && report.Outcome == string(consign.Delivered) {
		report.Outcome, report.Label, report.Cause = "failed", "close", c.Redact(err.Error())
	}
	return report, nil
}

func tellTested(cmd *cobra.Command, asJSON bool, report tested) error {
	if asJSON {
		if err := writeJSON(cmd.OutOrStdout(), report); err != nil {
			return err
		}
		if report.Outcome == string(consign.Delivered) {
			return nil
		}
		return exit.With(exit.Failed, nil)
	}
	if report.Outcome == string(consign.Delivered) {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: the %s took the test result %s in %d ms\n", report.Sink, report.Kind, report.DeliveryID, report.Took)
		return err
	}
	then := "it would be tried again"
	if report.Permanent {
		then = "it would be parked at once"
	}
	return fmt.Errorf("%s: the %s did not take the test result: %s: %s (%s)", report.Sink, report.Kind, report.Label, printable(report.Cause), then)
}
