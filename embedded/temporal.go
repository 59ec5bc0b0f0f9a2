package embedded

import (
	"maps"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const (
	clusterName = "active"
	storeName   = "sqlite"
)

// sqlConfig is how the server opens the database. There is one connection: with more, transactions
// that begin to read and then write fail by the thousands with SQLITE_BUSY.
func sqlConfig(database string, o Options) *config.SQL {
	attributes := map[string]string{"mode": "rwc"}
	c := &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      uriPath(database),
		ConnectAttributes: attributes,
	}
	if o.Stock {
		return c
	}
	maps.Copy(attributes, pragmas(o))
	// A pragma unknown to SQLite, which ignores it: it keeps this server from being given the connection
	// of an earlier one in this process, whose file may have been moved away since.
	attributes["consign_server"] = strconv.FormatInt(time.Now().UnixNano(), 10)
	c.MaxConnLifetime = connectionLifetime
	return c
}

// temporalServer is the whole Temporal service in this process, listening on loopback.
func temporalServer(db *config.SQL, p ports, dir *dataDir, disk *gauge, log *serverLog, o Options) (temporal.Server, error) {
	dynamic := tuned()
	if o.Stock {
		dynamic = stock()
	}
	maps.Copy(dynamic, settings(o.dynamic))
	counts, err := counting(o.Meter)
	if err != nil {
		return nil, err
	}
	return temporal.NewServer(
		temporal.WithCustomMetricsHandler(counts),
		temporal.WithConfig(temporalConfig(db, p)),
		temporal.ForServices(temporal.DefaultServices),
		// Static hosts need neither gossip nor its ports.
		temporal.WithStaticHosts(map[primitives.ServiceName]static.Hosts{
			primitives.FrontendService: static.SingleLocalHost(hostPort(p.frontend)),
			primitives.HistoryService:  static.SingleLocalHost(hostPort(p.history)),
			primitives.MatchingService: static.SingleLocalHost(hostPort(p.matching)),
			primitives.WorkerService:   static.SingleLocalHost(hostPort(p.worker)),
		}),
		temporal.WithLogger(log.logger(o.Logger, dir)),
		temporal.WithDynamicConfigClient(dynamic),
		temporal.WithChainedFrontendGrpcInterceptors(disk.admit),
	)
}

func temporalConfig(db *config.SQL, p ports) *config.Config {
	const off = "disabled"
	service := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}},
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  storeName,
			NumHistoryShards: 1, // four were no faster on one connection; it can never be changed in a database
			DataStores:       map[string]config.DataStore{storeName: {SQL: db}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             p.address(),
				ClusterID:              uuid.NewString(), // of a new database; a later start keeps the one stored there
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(p.frontend),
			string(primitives.HistoryService):  service(p.history),
			string(primitives.MatchingService): service(p.matching),
			string(primitives.WorkerService):   service(p.worker),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: off},
			Visibility: config.VisibilityArchival{State: off},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: off},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: off},
		}},
		PublicClient: config.PublicClient{HostPort: p.address()},
	}
}
