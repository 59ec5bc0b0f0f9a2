package embedded

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

// noLimit is a rate per second that one machine does not reach. Temporal's default limits keep the
// tenants of a large cluster apart; here there is one, and what bounds it is the disk.
const noLimit = 100_000

// stickyCache is how many open workflows the workers of this process keep in memory between their tasks, the
// same as in a process that runs a worker alone.
const stickyCache = 2000

// tuned is the dynamic config of a server for this job. Measured on two cores, 64 workflows in flight:
// 125-138 no-op workflows a second against 80 with stock settings on the same pragmas.
func tuned() dynamicconfig.StaticClient {
	return settings(map[string]any{
		// Queue processors poll at most 20 times a second by default, a hidden wait of 50 ms in every
		// workflow: one takes 50 ms alone, and 10.8 ms with these.
		"history.transferProcessorMaxPollRPS": 2000,
		"history.timerProcessorMaxPollRPS":    2000,

		// The timer queue reads this far ahead, to allow for the clocks of several hosts, and a timer that is
		// set for sooner waits that long all the same: by default 1 s, which a retry after 100 ms then took.
		"history.timerProcessorMaxTimeShift": 10 * time.Millisecond,

		// With one process, partitions only split a sink's rate limit into lumps.
		"matching.numTaskqueueReadPartitions":  1,
		"matching.numTaskqueueWritePartitions": 1,

		// A worker that stops is forgotten at once: no task is handed to it any more, which would wait until
		// its timeout, and none of its polls makes it look as if somebody still worked for a sink.
		"frontend.enableCancelWorkerPollsOnShutdown": true,

		// The caches are the server's memory. 128,000 entries (the default) of some 27 KB grew it to 1.8 GB
		// over 40,000 workflows; with these it stays at 350 MB, at the same speed.
		"history.hostLevelCacheMaxSize":            1024,             // workflows
		"history.eventsHostLevelCacheMaxSizeBytes": 32 * 1024 * 1024, // bytes
		// The server runs workers of its own, and all workers of a process share one cache of open workflows,
		// whose size the first of them sets: by default 10,000, of 90 KB and more each, whatever a later one asks for.
		"worker.stickyCacheSize": stickyCache,

		// A small workflow makes about seven frontend calls, so 2,400 a second (the default) are 340 workflows.
		"frontend.rps":               noLimit,
		"frontend.namespaceRPS":      noLimit,
		"history.rps":                noLimit,
		"matching.rps":               noLimit,
		"frontend.persistenceMaxQPS": noLimit,
		"history.persistenceMaxQPS":  noLimit,
		"matching.persistenceMaxQPS": noLimit,
		// List and count calls: 10 a second by default, which the Web UI and `consign status` together exceed.
		"frontend.namespaceRPS.visibility": 1000,

		// The check tells temporal.io which version runs here.
		"frontend.enableServerVersionCheck": false,
	})
}

// stock is what `temporal server start-dev` (CLI 1.9.1) sets, without the version check.
func stock() dynamicconfig.StaticClient {
	return settings(map[string]any{
		"history.hostLevelCacheMaxSize":                         8096,
		"frontend.namespaceRPS.visibility":                      100,
		"history.enableChasm":                                   true,
		"activity.enableStandalone":                             true,
		"history.enableStandaloneActivityOperatorCommands":      true,
		"frontend.enableBatchOperationsForStandaloneActivities": true,
		"system.forceSearchAttributesCacheRefreshOnRead":        true,
		"system.forceNexusEndpointRefreshOnRead":                true,
		"frontend.persistenceMaxQPS":                            10_000,
		"history.persistenceMaxQPS":                             45_000,
		"frontend.enableServerVersionCheck":                     false,
	})
}

func settings(values map[string]any) dynamicconfig.StaticClient {
	client := dynamicconfig.StaticClient{}
	for key, value := range values {
		client[dynamicconfig.MakeKey(key)] = value
	}
	return client
}

// connectionLifetime bounds how long a connection outlives its server: Temporal's pool of SQLite
// connections never closes one by itself. Opening one anew takes a few milliseconds.
const connectionLifetime = 5 * time.Minute

// pragmas are the SQLite settings of a tuned server. https://www.sqlite.org/pragma.html#pragma_synchronous
func pragmas(o Options) map[string]string {
	durability := "full" // each commit is on the disk before it is confirmed
	if o.Ephemeral {
		durability = "off" // nobody will read the data after a power cut
	}
	return map[string]string{
		"journal_mode": "wal",
		"synchronous":  durability,
		"busy_timeout": "10000", // milliseconds; another program may look into the file
		// The log grows while a backup reads; afterwards it is cut back to this many bytes.
		"journal_size_limit": "67108864",
	}
}
