package embedded

import (
	"fmt"

	serverconfig "go.temporal.io/server/common/config"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/consign-dev/consign"
)

// writeNamespace puts the namespace into the database of a server that is not running yet, unless it is
// there: a new one is then ready the moment the server is.
func writeNamespace(db *serverconfig.SQL, o Options) error {
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, nil)
	if err != nil {
		return err
	}
	columns := map[string]string{}
	for i, attribute := range consign.SearchAttributes() {
		columns[fmt.Sprintf("Keyword%02d", i+1)] = attribute
	}
	namespace.Detail.Config.CustomSearchAttributeAliases = columns
	namespace.Detail.Config.Retention = durationpb.New(o.Retention)
	return sqliteschema.CreateNamespaces(db, namespace)
}
