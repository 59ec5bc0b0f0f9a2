package file_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestConfig_ExampleOfThePackage_IsRead(t *testing.T) {
	t.Parallel()
	settings := parse(t, sinktest.Example(t, "file.go"))
	require.Equal(t, &file.Config{Path: "/var/lib/consign/results.ndjson", Sync: new(true), Mode: "0640", Format: formats.NDJSON}, settings)
}

func TestConfig_OnlyAPath_SyncsAndIsReadableByTheGroup(t *testing.T) {
	t.Parallel()
	settings := parse(t, "sinks: {archive: {file: {path: a.ndjson}}}")
	require.Equal(t, &file.Config{Path: "a.ndjson", Sync: new(true), Mode: "0640", Format: formats.NDJSON}, settings)
}

func TestConfig_SyncFalse_IsKept(t *testing.T) {
	t.Parallel()
	settings := parse(t, "sinks: {archive: {file: {path: a.ndjson, sync: false}}}")
	require.Equal(t, &file.Config{Path: "a.ndjson", Sync: new(false), Mode: "0640", Format: formats.NDJSON}, settings)
}

func TestConfig_Mistakes_AreReportedByField(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		settings file.Config
		want     string
	}{
		{"NoPath", file.Config{}, "path is missing: name the file to append to"},
		{"DecimalMode", file.Config{Path: "a", Mode: "680"}, `mode "680" are no permissions: write them in octal, such as 0640`},
		{"ModeTooWide", file.Config{Path: "a", Mode: "01640"}, `mode "01640" are no permissions: write them in octal, such as 0640`},
		{"UnknownFormat", file.Config{Path: "a", Format: "ocfs"}, `format "ocfs": expected one of ndjson, ocsf, cloudevents (did you mean "ocsf"?)`},
		{"ModeWithoutTheOwner", file.Config{Path: "a", Mode: "0440"}, `mode "0440" would lock the sink itself out: the owner must read and write, as in 0640`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var reports []string
			test.settings.SetDefaults()
			test.settings.Validate(func(field, problem string) { reports = append(reports, field+" "+problem) })
			require.Equal(t, []string{test.want}, reports)
		})
	}
}

func TestNew_ModeThatIsNoMode_IsAnError(t *testing.T) {
	t.Parallel()
	_, err := file.New(file.Config{Path: filepath.Join(t.TempDir(), "a"), Mode: "rw-r-----"})
	require.ErrorContains(t, err, `"rw-r-----" are no permissions`)
}

func TestConfig_UnknownFormat_IsRefusedAtItsLineWithTheNearestName(t *testing.T) {
	t.Parallel()
	_, err := config.Parse("consign.yaml", []byte("sinks:\n  lake:\n    file:\n      path: a.ndjson\n      format: cloudevent\n"),
		[]config.Kind{file.Kind()}, func(string) (string, bool) { return "", false })
	require.ErrorContains(t, err, `consign.yaml:5:15: sinks.lake.file.format: "cloudevent": expected one of ndjson, ocsf, cloudevents (did you mean "cloudevents"?)`)
}

func parse(t *testing.T, source string) config.Settings {
	t.Helper()
	read, err := config.Parse("consign.yaml", []byte(source), []config.Kind{file.Kind()},
		func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.Len(t, read.Sinks, 1)
	return read.Sinks[0].Settings
}
