package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version of this release, set by
//
//	go build -ldflags "-X main.version=1.2.3" ./cmd/consign
var version = "dev"

// release is the version to show: the one that was set, else that of the module as go install
// fetched it.
func release() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Sum != "" {
		return info.Main.Version
	}
	return version
}

// build says what this binary was made from.
type build struct {
	Consign        string `json:"consign"`
	Go             string `json:"go"`
	TemporalSDK    string `json:"temporal_sdk"`
	TemporalServer string `json:"temporal_server"`
}

func readBuild() build {
	b := build{Consign: release()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	for _, module := range info.Deps {
		switch module.Path {
		case "go.temporal.io/sdk":
			b.TemporalSDK = module.Version
		case "go.temporal.io/server":
			b.TemporalServer = module.Version
		}
	}
	return b
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of Consign, Go, and the Temporal inside",
		Example: "  consign version --json",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := readBuild()
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), b)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "consign %s\n%s\ntemporal sdk %s\ntemporal server %s\n", b.Consign, b.Go, b.TemporalSDK, b.TemporalServer)
			return err
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

func addJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON on standard output, and nothing else there")
}

// writeJSON writes a value as one line, with the bytes of raw JSON in it as they are.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
