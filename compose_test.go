package consign_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/graph"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
)

// The stack has not been run where it was written (no Docker engine), so these tests hold what can be
// held without one: it parses, it resolves, and it keeps the promises that its comments make.

func TestCompose_TheStackResolves_AndKeepsItsPromises(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	require.Empty(t, objections(project))
	worker := project.Services["worker"]
	require.Equal(t, 2, worker.GetScale(), "replicas of worker")
}

func TestCompose_ServicesStartInTheOrderTheyNeedEachOther(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	var started []string
	err := graph.InDependencyOrder(t.Context(), loadCompose(t), func(_ context.Context, name string, _ types.ServiceConfig) error {
		mutex.Lock()
		defer mutex.Unlock()
		started = append(started, name)
		return nil
	})
	require.NoError(t, err, "the dependencies go in a circle")
	chain := []string{"postgres", "temporal-schema", "temporal", "setup", "worker"}
	require.Equal(t, chain, slices.DeleteFunc(started, func(name string) bool { return !slices.Contains(chain, name) }))
}

func TestCompose_ThePasswordComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ env, want string }{
		"unset": {"", "consign-local"},
		"set":   {"POSTGRES_PASSWORD=s3cret", "s3cret"},
	} {
		services := loadCompose(t, test.env).Services
		for service, variable := range map[string]string{
			"postgres": "POSTGRES_PASSWORD", "temporal-schema": "SQL_PASSWORD", "temporal": "POSTGRES_PWD",
		} {
			value := services[service].Environment[variable]
			require.NotNil(t, value, "%s of %s", variable, service)
			require.Equal(t, test.want, *value, "%s of %s, password %s", variable, service, name)
		}
	}
}

func TestCompose_TheWorkersConfigurationIsValid(t *testing.T) {
	t.Parallel()
	loaded, err := config.Load("deploy/consign.yaml", all.Kinds())
	require.NoError(t, err)
	require.Empty(t, loaded.Notes)
	require.Len(t, loaded.Sinks, 3)
}

func TestCompose_WhenAPromiseIsBroken_ItIsNamed(t *testing.T) {
	t.Parallel()
	for want, breakIt := range map[string]func(project *types.Project, service *types.ServiceConfig){
		"worker publishes 9090 beyond loopback": func(_ *types.Project, s *types.ServiceConfig) {
			s.Ports = []types.ServicePortConfig{{Target: 9090, Published: "9090"}}
		},
		"worker: image alpine:latest is not pinned to a full version": func(_ *types.Project, s *types.ServiceConfig) {
			s.Image = "alpine:latest"
		},
		"worker: image postgres:17 is not pinned to a full version": func(_ *types.Project, s *types.ServiceConfig) {
			s.Image = "postgres:17"
		},
		"worker has no health check and is no one-shot job": func(_ *types.Project, s *types.ServiceConfig) {
			s.HealthCheck = nil
		},
		"worker mounts a volume that is not declared: nowhere": func(_ *types.Project, s *types.ServiceConfig) {
			s.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeVolume, Source: "nowhere"}}
		},
		"worker mounts what is not in the repository: /nowhere": func(_ *types.Project, s *types.ServiceConfig) {
			s.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeBind, Source: "/nowhere"}}
		},
		"worker waits for ui to complete, but ui is restarted": func(_ *types.Project, s *types.ServiceConfig) {
			s.DependsOn = types.DependsOnConfig{"ui": {Condition: types.ServiceConditionCompletedSuccessfully}}
		},
		"worker waits for setup to be healthy, but setup has no health check": func(_ *types.Project, s *types.ServiceConfig) {
			s.DependsOn["setup"] = types.ServiceDependency{Condition: types.ServiceConditionHealthy}
		},
	} {
		project := loadCompose(t)
		service := project.Services["worker"]
		breakIt(project, &service)
		project.Services["worker"] = service
		require.Contains(t, objections(project), want)
	}
}

func TestDockerfile_BuildsWhatIsThere_WithTheGoOfTheModule(t *testing.T) {
	t.Parallel()
	dockerfile, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	module, err := os.ReadFile("go.mod")
	require.NoError(t, err)

	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(module)
	require.NotNil(t, version, "go.mod names its Go version")
	require.Contains(t, string(dockerfile), "\nFROM golang:"+string(version[1])+"-", "the builder's Go is go.mod's")
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllSubmatch(dockerfile, -1) {
		require.Regexp(t, fullVersion(), string(from[1]))
	}
	require.Regexp(t, `(?m)^USER consign$`, string(dockerfile), "it does not run as root")

	commands := regexp.MustCompile(`\./cmd/\w+`).FindAllString(string(dockerfile), -1)
	require.Equal(t, []string{"./cmd/consign", "./cmd/submit"}, commands)
	for _, command := range commands {
		require.FileExists(t, command+"/main.go", "the Dockerfile builds %s", command)
	}
}

// loadCompose parses, interpolates and resolves docker-compose.yml, as `docker compose config` does,
// in an environment that holds env alone.
func loadCompose(t *testing.T, env ...string) *types.Project {
	t.Helper()
	env = slices.DeleteFunc(env, func(variable string) bool { return variable == "" })
	options, err := cli.NewProjectOptions([]string{"docker-compose.yml"},
		cli.WithWorkingDirectory("."), cli.WithEnv(env), cli.WithResolvedPaths(true))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err, "docker-compose.yml")
	return project
}

// objections lists the promises of docker-compose.yml that project breaks.
func objections(project *types.Project) []string {
	oneShot := map[string]bool{}
	for _, service := range project.Services {
		for name, dependency := range service.DependsOn {
			if dependency.Condition == types.ServiceConditionCompletedSuccessfully {
				oneShot[name] = true
			}
		}
	}
	var found []string
	object := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for name, service := range project.Services {
		if !fullVersion().MatchString(service.Image) {
			object("%s: image %s is not pinned to a full version", name, service.Image)
		}
		if service.HealthCheck == nil && !oneShot[name] {
			object("%s has no health check and is no one-shot job", name)
		}
		for _, port := range service.Ports {
			if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
				object("%s publishes %d beyond loopback", name, port.Target)
			}
		}
		for _, volume := range service.Volumes {
			if _, declared := project.Volumes[volume.Source]; volume.Type == types.VolumeTypeVolume && !declared {
				object("%s mounts a volume that is not declared: %s", name, volume.Source)
			}
			if _, err := os.Stat(volume.Source); volume.Type == types.VolumeTypeBind && err != nil {
				object("%s mounts what is not in the repository: %s", name, volume.Source)
			}
		}
		for other, dependency := range service.DependsOn {
			upstream := project.Services[other]
			if dependency.Condition == types.ServiceConditionHealthy && upstream.HealthCheck == nil {
				object("%s waits for %s to be healthy, but %s has no health check", name, other, other)
			}
			if dependency.Condition == types.ServiceConditionCompletedSuccessfully && strings.Contains(upstream.Restart, "unless") {
				object("%s waits for %s to complete, but %s is restarted", name, other, other)
			}
		}
	}
	return found
}

// fullVersion matches an image pinned to at least major and minor: postgres has no third number.
func fullVersion() *regexp.Regexp {
	return regexp.MustCompile(`:\d+\.\d+(\.\d+)?(-[a-z]+)?$`)
}
