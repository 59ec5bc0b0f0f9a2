package webhook

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// clientSecret is long enough to be looked for, and holds what forms and headers escape.
const clientSecret = "c1ient:secret/with+odd&parts"

// issuer is an OAuth2 token endpoint that gives out "token-1", "token-2" and so on.
type issuer struct {
	*httptest.Server
	mu       sync.Mutex
	asked    []url.Values
	headers  []http.Header
	answer   string                                       // with %d for the number; empty: a token of an hour
	override func(w http.ResponseWriter, r *http.Request) // nil: as answer says
}

func issue(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		_ = r.ParseForm()
		i.asked, i.headers = append(i.asked, r.PostForm), append(i.headers, r.Header)
		if i.override != nil {
			i.override(w, r)
			return
		}
		answer := i.answer
		if answer == "" {
			answer = `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`
		}
		fmt.Fprintf(w, answer, len(i.asked))
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) times() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

func (i *issuer) settings() *OAuth2 {
	return &OAuth2{TokenURL: i.URL + "/oauth2/token", ClientID: "consign", ClientSecret: config.NewSecret(clientSecret)}
}

// build opens a sink with these settings.
func build(t *testing.T, c Config) *Sink {
	t.Helper()
	sink, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(t.Context())) })
	return sink
}

func TestDeliver_BasicAndBearer_AreSentAndHidden(t *testing.T) {
	t.Parallel()
	for want, auth := range map[string]Auth{
		"Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+bearer)): {Basic: &Basic{Username: "me", Password: config.NewSecret(bearer)}},
		"Basic " + base64.StdEncoding.EncodeToString([]byte(bearer+":")):   {Basic: &Basic{Username: bearer}},
		"Bearer " + bearer: {Bearer: config.NewSecret(bearer)},
	} {
		r := receive(t, func(w http.ResponseWriter, r *http.Request, _ consign.Result) {
			http.Error(w, "I was told "+r.Header.Get("Authorization")+" and "+bearer, http.StatusForbidden)
		})
		failure := refused(t, attempt(t, build(t, Config{URL: r.URL, Auth: auth}), delivery(`{}`)))
		require.Equal(t, "http 403", failure.Label)
		require.NotContains(t, failure.Message, strings.Fields(want)[1])
		require.Equal(t, want, r.got()[0].header.Get("Authorization"))
	}
}

func TestDeliver_OAuth2_OneTokenServesAll(t *testing.T) {
	t.Parallel()
	tokens := issue(t)
	r := receive(t, nil)
	settings := tokens.settings()
	settings.Scopes = []string{"events:write", "more"}
	settings.Parameters = map[string]config.Secret{"audience": config.NewSecret("https://hooks.example")}
	sink := build(t, Config{URL: r.URL, Secret: config.NewSecret(key), Auth: Auth{OAuth2: settings}})
	for _, err := range sink.Deliver(t.Context(), sinktest.Deliveries("oauth", 40)) {
		require.NoError(t, err)
	}
	require.Equal(t, []url.Values{{"grant_type": {"client_credentials"}, "scope": {"events:write more"}, "audience": {"https://hooks.example"}}}, tokens.asked)
	user, password, _ := (&http.Request{Header: tokens.headers[0]}).BasicAuth()
	require.Equal(t, []string{"consign", url.QueryEscape(clientSecret)}, []string{user, password})
	for _, request := range r.got() {
		require.Equal(t, "Bearer token-1", request.header.Get("Authorization"))
	}
}

func TestDeliver_OAuth2InTheBody_SendsIDAndSecretThere(t *testing.T) {
	t.Parallel()
	tokens := issue(t)
	settings := tokens.settings()
	settings.Credentials = "body"
	require.NoError(t, attempt(t, build(t, Config{URL: receive(t, nil).URL, Auth: Auth{OAuth2: settings}}), delivery(`{}`)))
	require.Equal(t, []url.Values{{"grant_type": {"client_credentials"}, "client_id": {"consign"}, "client_secret": {clientSecret}}}, tokens.asked)
	require.Empty(t, tokens.headers[0].Get("Authorization"))
}

func TestDeliver_OAuth2TokenRefused_IsRenewedOnce(t *testing.T) {
	t.Parallel()
	for accepted, wantTokens := range map[string]int{"Bearer token-2": 2, "none": 4} {
		tokens := issue(t)
		r := receive(t, func(w http.ResponseWriter, r *http.Request, _ consign.Result) {
			if r.Header.Get("Authorization") != accepted {
				always(http.StatusUnauthorized, "no, "+r.Header.Get("Authorization"))(w, r, consign.Result{})
			}
		})
		sink := build(t, Config{URL: r.URL, Secret: config.NewSecret(key), Auth: Auth{OAuth2: tokens.settings()}})
		d := delivery(`{}`)
		for range 2 {
			err := attempt(t, sink, d)
			if accepted != "none" {
				require.NoError(t, err)
				continue
			}
			failure := refused(t, err)
			require.Equal(t, "http 401", failure.Label)
			require.True(t, failure.Permanent)
			require.NotContains(t, failure.Message, "token-")
		}
		require.LessOrEqual(t, tokens.times(), wantTokens)
		got := r.got()
		require.Equal(t, got[0].header.Get("webhook-signature"), got[1].header.Get("webhook-signature"))
		require.Equal(t, "Bearer token-2", got[1].header.Get("Authorization"))
	}
}

func TestDeliver_OAuth2TokenOverSoon_IsRenewedBeforeItIs(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int{
		`{"access_token":"token-%d","expires_in":0.02}`:    2,
		`{"access_token":"token-%d","expires_in":"0.02"}`:  2,
		`{"access_token":"token-%d","expires_in":3600}`:    1,
		`{"access_token":"token-%d"}`:                      1,
		`{"access_token":"token-%d","expires_in":"never"}`: 1,
	} {
		tokens := issue(t)
		tokens.answer = answer
		sink := build(t, Config{URL: receive(t, nil).URL, Auth: Auth{OAuth2: tokens.settings()}})
		require.NoError(t, attempt(t, sink, delivery(`{}`)))
		require.Eventually(t, func() bool {
			require.NoError(t, attempt(t, sink, delivery(`{}`)))
			return tokens.times() >= want
		}, 10*time.Second, 5*time.Millisecond)
		if want == 1 {
			require.Equal(t, 1, tokens.times(), answer)
		}
	}
}

func TestDeliver_OAuth2EndpointFails_IsClassifiedAndHidden(t *testing.T) {
	t.Parallel()
	say := func(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { always(status, body, header...)(w, r, consign.Result{}) }
	}
	for name, test := range map[string]struct {
		answer    func(http.ResponseWriter, *http.Request)
		label     string
		permanent bool
		after     time.Duration
	}{
		"wrong secret": {say(401, `{"error":"invalid_client","secret":"`+clientSecret+`","escaped":"`+url.QueryEscape(clientSecret)+`"}`), "oauth2 http 401", true, 0},
		"wrong scope":  {say(400, `{"error":"invalid_scope"}`), "oauth2 http 400", true, 0},
		"busy":         {say(429, ``, "Retry-After", "7"), "oauth2 http 429", false, 7 * time.Second},
		"down":         {say(503, ``), "oauth2 http 503", false, 0},
		"redirect":     {say(302, ``, "Location", "http://169.254.169.254/token"), "oauth2 http 302", true, 0},
		"no JSON":      {say(200, `<html>`), "oauth2 error", false, 0},
		"no token":     {say(200, `{}`), "oauth2 error", false, 0},
		"no bearer's":  {say(200, `{"access_token":"x","token_type":"mac"}`), "oauth2 error", false, 0},
		"split header": {say(200, `{"access_token":"x\r\nX-Evil: 1"}`), "oauth2 error", false, 0},
		"gone":         {say(410, ``), "oauth2 http 410", true, 0},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for block := make([]byte, 32<<10); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "oauth2 error", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens := issue(t)
			tokens.override = test.answer
			r := receive(t, nil)
			failure := refused(t, attempt(t, build(t, Config{URL: r.URL, Auth: Auth{OAuth2: tokens.settings()}}), delivery(`{}`)))
			require.Equal(t, test.label, failure.Label, failure.Message)
			require.Equal(t, test.permanent, failure.Permanent)
			require.Equal(t, test.after, failure.After)
			require.False(t, failure.Gone, "the URL is not gone, only its tokens' are")
			require.Contains(t, failure.Message, "oauth2 token: ")
			require.NotContains(t, failure.Message, clientSecret)
			require.NotContains(t, failure.Message, url.QueryEscape(clientSecret))
			require.Empty(t, r.got(), "nothing is sent without a token")
		})
	}
}

func TestDeliver_OAuth2EndpointAtMetadata_IsRefused(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	settings := &OAuth2{TokenURL: "http://169.254.169.254/token", ClientID: "consign", ClientSecret: config.NewSecret(clientSecret)}
	_, err := New(Config{URL: r.URL, Auth: Auth{OAuth2: settings}})
	require.ErrorContains(t, err, "webhook.auth.oauth2.token_url: connecting to 169.254.169.254 is refused")

	// A name that leads there is found when it is looked up.
	settings.TokenURL = "http://id.test/token"
	sink := build(t, Config{URL: r.URL, Auth: Auth{OAuth2: settings}})
	leadsTo := &atomic.Value{}
	leadsTo.Store(netip.MustParseAddr("169.254.169.254"))
	sink.sender.tokens.network = newNetwork(GuardDefault, proxySetting{}, nil, resolver(t, leadsTo))
	failure := refused(t, attempt(t, sink, delivery(`{}`)))
	require.True(t, failure.Permanent)
	require.Equal(t, "oauth2 egress refused", failure.Label)
	require.Empty(t, r.got())
}

func TestDeliver_OAuth2AndAServerName_ConcernsTheReceiverAlone(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	receiver := serve(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hooks.example", soonOver())}}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	tokens := serve(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "127.0.0.1", soonOver())}}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"t"}`)
	})
	sink := build(t, Config{
		URL: receiver.URL, TLS: TLS{CA: ca.path, ServerName: "hooks.example"},
		Auth: Auth{OAuth2: &OAuth2{TokenURL: tokens.URL, ClientID: "consign", ClientSecret: config.NewSecret(clientSecret)}},
	})
	require.NoError(t, attempt(t, sink, delivery(`{}`)))
}

func TestTokens_WhoWaitedWhileAnotherFailed_AsksNoMore(t *testing.T) {
	t.Parallel()
	issuer := issue(t)
	tokens := newTokens(*issuer.settings(), newNetwork(GuardDefault, proxySetting{}, nil, nil))
	t.Cleanup(tokens.network.close)
	cause := errors.New("no")
	tokens.failed, tokens.err = time.Now().Add(time.Hour), cause // after the wait began
	_, err := tokens.get(t.Context(), "")
	require.Equal(t, cause, err)
	require.Zero(t, issuer.times())
	tokens.failed = time.Now() // before
	token, err := tokens.get(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "token-1", token)
}

func TestDeliver_OAuth2EndpointHangs_AllGiveUpWithTheirContext(t *testing.T) {
	t.Parallel()
	tokens := issue(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	tokens.override = func(http.ResponseWriter, *http.Request) { <-release }
	sink := build(t, Config{URL: receive(t, nil).URL, Auth: Auth{OAuth2: tokens.settings()}})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	errs := sink.Deliver(ctx, sinktest.Deliveries("hanging", 20))
	require.False(t, slices.Contains(errs, nil))
	for _, err := range errs {
		failure := sinks.Classify(err)
		require.False(t, failure.Permanent)
		require.Contains(t, failure.Label, "timeout")
	}
}

func TestAuth_EachMistake_NamesItsField(t *testing.T) {
	t.Parallel()
	good := OAuth2{TokenURL: "https://id.example/token", ClientID: "me"}
	with := func(change func(*OAuth2)) Auth {
		o := good
		change(&o)
		return Auth{OAuth2: &o}
	}
	for _, test := range []struct {
		auth          Auth
		headers       map[string]config.Secret
		field, remedy string
	}{
		{Auth{Basic: &Basic{}}, nil, "auth.basic.username", "missing"},
		{Auth{Basic: &Basic{Username: "a:b"}}, nil, "auth.basic.username", "colon"},
		{Auth{Bearer: config.NewSecret("a b")}, nil, "auth.bearer", "blank"},
		{Auth{Bearer: config.NewSecret("a"), Basic: &Basic{Username: "a"}}, nil, "auth", "keep one"},
		{Auth{Bearer: config.NewSecret("a")}, map[string]config.Secret{"authorization": config.NewSecret("b")}, "headers.authorization", "auth"},
		{with(func(o *OAuth2) { o.TokenURL = "" }), nil, "auth.oauth2.token_url", "missing"},
		{with(func(o *OAuth2) { o.TokenURL = "htps://x" }), nil, "auth.oauth2.token_url", "did you mean https"},
		{with(func(o *OAuth2) { o.ClientID = "" }), nil, "auth.oauth2.client_id", "missing"},
		{with(func(o *OAuth2) { o.Credentials = "query" }), nil, "auth.oauth2.credentials", "header nor body"},
		{with(func(o *OAuth2) { o.Parameters = map[string]config.Secret{"scope": config.NewSecret("x")} }), nil, "auth.oauth2.parameters.scope", "itself"},
	} {
		c := Config{URL: "https://example.com/", Auth: test.auth, Headers: test.headers}
		var fields []string
		c.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
	}
}
