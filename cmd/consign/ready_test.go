package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// It goes on by the configuration from before, so it is ready; whoever looks is to know all the same.
func TestReadyz_AndStatus_NameAConfigurationThatIsRefused(t *testing.T) {
	t.Parallel()
	const good = "sinks:\n  archive: {stdout: {}}\n"
	u := startUp(t, good, "--ephemeral", "--http", "0")
	probes := []string{u.HTTP + "/readyz", strings.Replace(u.metrics, "/metrics", "/readyz", 1)}
	change := func(to string) { require.NoError(t, os.WriteFile(u.config, []byte(to), 0o600)) }
	eventually := func(found bool, what string) {
		t.Helper()
		for _, probe := range probes {
			require.Eventually(t, func() bool { return strings.Contains(get(t, probe), what) == found }, patience, 50*time.Millisecond)
			require.Contains(t, get(t, probe), "ready")
		}
	}

	change(good + "  broken: {webhook: {url: nowhere}}\n")
	eventually(true, "the one from before is in force")
	require.Contains(t, get(t, probes[0]), "consign.yaml:3:")
	said := u.run(t, "", "status", "--check")
	require.Equal(t, 1, said.code, "%+v", said)
	require.Contains(t, said.out, "is refused")
	require.Contains(t, said.out, "consign config check --config")

	change(good)
	eventually(false, "the one from before is in force")
}
