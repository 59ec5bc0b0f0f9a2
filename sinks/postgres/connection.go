package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connection reads dsn, the URL of a database. Its errors show none of it but a mistaken scheme and what
// names no secret.
func connection(dsn string) (*pgxpool.Config, error) {
	if dsn == "" {
		return nil, errors.New("is missing: name the database, such as postgres://consign:PASSWORD@db.example.com/security")
	}
	scheme, _, isURL := strings.Cut(dsn, "://")
	switch {
	case isURL && scheme != "postgres" && scheme != "postgresql":
		if strings.ContainsAny(scheme, " =:@/") {
			return nil, errors.New("has no scheme: begin it with postgres://")
		}
		return nil, fmt.Errorf("unknown scheme %q: begin it with postgres://", scheme)
	case !isURL && !strings.Contains(dsn, "="):
		return nil, errors.New("has no scheme: begin it with postgres://")
	case isURL:
		if _, err := url.Parse(dsn); err != nil {
			return nil, errors.New("is not a URL: look for blanks, a port that is no number, and characters of the password that have to be percent-encoded, such as / ? # and %")
		}
	}
	settings, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("cannot be used: %s", reason(err, dsn))
	}
	if settings.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		// Its server cannot tell of which row it refuses a NUL character, and all would wait for that one.
		return nil, errors.New("sets default_query_exec_mode=simple_protocol: write exec, which poolers take as well")
	}
	settings.ConnConfig.RuntimeParams["application_name"] = applicationName(settings.ConnConfig)
	// In another one, of url or of the role, the server would take each byte of a result for a character of it.
	settings.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	return settings, nil
}

// address is where a database is, for messages: the first, if there are several.
func address(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") { // the directory of a Unix socket
		return c.Host
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// applicationName is what pg_stat_activity calls the connections.
func applicationName(c *pgx.ConnConfig) string {
	if name := c.RuntimeParams["application_name"]; name != "" {
		return name
	}
	return "consign"
}

// reason is what the driver finds wrong, without the connection string that it begins with.
func reason(err error, dsn string) string {
	text := err.Error()
	if _, found := errors.AsType[*pgconn.ParseConfigError](err); found {
		if at := strings.LastIndex(text, "`: "); at >= 0 {
			text = text[at+len("`: "):]
		}
	}
	return hider(dsn, nil)(text)
}

// hider returns a function that takes the URL, its user name and its password out of a text.
func hider(dsn string, c *pgx.ConnConfig) func(string) string {
	pieces := []string{dsn}
	add := func(user, password string) {
		if user != "" {
			pieces = append(pieces, `"`+user+`"`, "'"+user+"'", "user="+user)
		}
		if password != "" {
			pieces = append(pieces, password, url.QueryEscape(password), url.PathEscape(password))
		}
	}
	if target, err := url.Parse(dsn); err == nil && target.User != nil {
		password, _ := target.User.Password()
		add(target.User.Username(), password)
	}
	if c != nil {
		add(c.User, c.Password)
	}
	pairs := make([]string, 0, 2*len(pieces))
	for _, piece := range pieces {
		pairs = append(pairs, piece, "[hidden]")
	}
	return strings.NewReplacer(pairs...).Replace
}

// maxIdentifier is the longest name that PostgreSQL keeps whole, in bytes.
const maxIdentifier = 63

// identifier reads NAME or SCHEMA.NAME.
func identifier(table string) (pgx.Identifier, error) {
	parts := strings.Split(table, ".")
	if len(parts) > 2 {
		return nil, fmt.Errorf("%q has %d dots: write NAME or SCHEMA.NAME; the database is the one of url", table, len(parts)-1)
	}
	for _, part := range parts {
		switch {
		case part == "":
			return nil, fmt.Errorf("%q lacks a name beside the dot: write NAME or SCHEMA.NAME", table)
		case len(part) > maxIdentifier:
			return nil, fmt.Errorf("%q is %d bytes long: PostgreSQL keeps %d of a name", part, len(part), maxIdentifier)
		case strings.ContainsAny(part, `"'`):
			return nil, fmt.Errorf("%q has a quote in it: write the name as it is, it is quoted for you", part)
		case strings.ContainsFunc(part, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
			return nil, fmt.Errorf("%q has a character that cannot be printed", part)
		}
	}
	return parts, nil
}
