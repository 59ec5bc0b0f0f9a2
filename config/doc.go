// Package config reads Consign's configuration: one YAML file, read strictly.
//
// Every mistake in the file is reported at once, each with file, line, column, the path of the
// setting, what is allowed there, and the nearest name where a name looks mistyped. Secrets come
// from the environment (${NAME}) or from files, and are never printed.
//
//	sinks:
//	  archive:
//	    file:
//	      path: results.ndjson
//	  slack-critical:
//	    webhook:
//	      url: ${SLACK_URL}
//	      secret: ${SLACK_SECRET}
//	    retry:
//	      max: 5
//	      backoff: 1s
//
// A sink is named by its key. Below it stand the kind with its own settings, and the settings that
// every sink has: see [Delivery]. The section "defaults" sets those for all sinks.
//
// # Variables and secrets
//
// ${NAME} is replaced in every value; $$ stands for $, and any other $ for itself. What came through
// a variable is shown, in errors and by [Config.Show], as it stands in the file. A [Secret] may also
// be {file: /run/secrets/name}. Relative paths start at the working directory.
//
// # Precedence
//
// A sink's own setting counts before the one in "defaults", that before the default of its kind
// (kinds that cross a network retry for longer), and that before the default of [Delivery].
//
// # Kinds
//
// This package knows no kind of sink itself: the caller passes the kinds it has. See [Kind].
package config
