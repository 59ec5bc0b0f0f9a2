package unix_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
	"github.com/consign-dev/consign/sinks/unix"
)

func TestConfig_ExampleOfThePackage_IsRead(t *testing.T) {
	t.Parallel()
	read, err := parse(sinktest.Example(t, "unix.go"))
	require.NoError(t, err)
	require.Equal(t, &unix.Config{Path: "/run/collector/results.sock", Format: formats.NDJSON}, read.Sinks[0].Settings)
	require.Equal(t, 12, *read.Sinks[0].Delivery.Retry.Max, "enough to outlast a restart of the collector")
}

func TestConfig_Mistakes_AreReportedAtTheirLine(t *testing.T) {
	t.Parallel()
	long := "/run/" + strings.Repeat("x", 103)
	for name, test := range map[string]struct{ settings, want string }{
		"NoPath":  {"format: ndjson", `consign.yaml:3:5: sinks.collector.unix.path: is missing: name the socket that the collector listens on`},
		"URL":     {"path: unix:///run/x.sock", `consign.yaml:4:13: sinks.collector.unix.path: "unix:///run/x.sock" is a URL: write the path alone, such as /run/collector/results.sock`},
		"TooLong": {"path: " + long, `consign.yaml:4:13: sinks.collector.unix.path: "` + long + `" is 108 bytes, and a socket's path at most 107: move the socket, or lead there by a symbolic link`},
		"Format":  {"path: a\n      format: ocfs", `consign.yaml:5:15: sinks.collector.unix.format: "ocfs": expected one of ndjson, ocsf, cloudevents (did you mean "ocsf"?)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse("sinks:\n  collector:\n    unix:\n      " + test.settings + "\n")
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestConfig_LongestPath_CanBeListenedOnAndDialled(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	path += strings.Repeat("x", 107-len(path))
	peer := collect(t, path)
	sink := open(t, unix.Config{Path: path})
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("long", 1)))
	require.Len(t, peer.received(), 1)
}

func TestNew_WhatIsNoSocket_IsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := unix.New(unix.Config{Path: dir})
	require.EqualError(t, err, "open a unix sink: "+dir+" is no socket: to append to a file use the kind file")
	_, err = unix.New(unix.Config{})
	require.EqualError(t, err, "open a unix sink: path is missing: name the socket that the collector listens on")
}

func parse(source string) (*config.Config, error) {
	return config.Parse("consign.yaml", []byte(source), []config.Kind{unix.Kind()}, func(string) (string, bool) { return "", false })
}
