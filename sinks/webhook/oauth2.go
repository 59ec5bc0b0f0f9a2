package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/consign-dev/consign/sinks"
)

// Where OAuth2 credentials stand.
const (
	inHeader = "header"
	inBody   = "body"
)

// early is how long before its end a token is given up, so that it does not end on its way.
const early = 10 * time.Second

// tokens gets OAuth2 tokens and keeps the newest. It goes through the same network as requests do, so
// its endpoint is guarded as they are.
type tokens struct {
	settings OAuth2
	network  *network

	// turn is held by whoever looks at the fields below or asks for a token; the others wait for it and
	// then find what was got. A channel, since a wait must end with its context.
	turn   chan struct{}
	token  string
	until  time.Time // zero: until it is refused
	failed time.Time
	err    error // of the last try, at failed
}

func newTokens(settings OAuth2, through *network) *tokens {
	return &tokens{settings: settings, network: through, turn: make(chan struct{}, 1)}
}

// get returns the token that is kept, or a new one. refused is one that the receiver did not take, which
// is given up; empty if there is none.
func (t *tokens) get(ctx context.Context, refused string) (string, error) {
	began := time.Now()
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("oauth2 token: %w", ctx.Err())
	}
	if t.token != "" && t.token != refused && (t.until.IsZero() || time.Now().Before(t.until)) {
		return t.token, nil
	}
	// What failed for another while this one waited for its turn would fail again.
	if t.failed.After(began) {
		return "", t.err
	}
	token, life, err := t.fetch(ctx)
	if err != nil {
		err = sinks.Label(fmt.Errorf("oauth2 token: %w", err), "oauth2 "+sinks.Classify(err).Label)
		if ctx.Err() == nil {
			t.failed, t.err = time.Now(), err
		}
		return "", err
	}
	t.token, t.until = token, time.Time{}
	if life > 0 {
		t.until = time.Now().Add(life - min(early, life/2))
	}
	return token, nil
}

// fetch asks for a token, and says how long it lives; 0 if the answer does not.
func (t *tokens) fetch(ctx context.Context) (token string, life time.Duration, err error) {
	target, err := endpoint(t.settings.TokenURL)
	if err != nil {
		return "", 0, sinks.Permanent(fmt.Errorf("token_url: %w", err))
	}
	form, header := t.form()
	asked := outgoing{method: http.MethodPost, target: target, headers: header, body: []byte(form.Encode())}
	known := append(t.secrets(), login(t.network.chosen(target))...)
	hide := func(text string) string {
		return hider(target, map[string]string{"Authorization": header["Authorization"]}, known...)(text)
	}
	err = t.network.exchange(ctx, asked, hide, func(response *http.Response) error {
		if response.StatusCode < 200 || response.StatusCode > 299 {
			return judge(response, asked, hide, time.Now())
		}
		token, life, err = readToken(response.Body)
		if err != nil {
			return fmt.Errorf("%s: %w", asked.name(), err)
		}
		return nil
	})
	return token, life, err
}

// form is what asks for a token, and the headers with it.
func (t *tokens) form() (url.Values, map[string]string) {
	form := url.Values{"grant_type": {"client_credentials"}}
	header := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", "User-Agent": userAgent()}
	if len(t.settings.Scopes) > 0 {
		form.Set("scope", strings.Join(t.settings.Scopes, " "))
	}
	for name, value := range t.settings.Parameters {
		form.Set(name, value.Reveal())
	}
	id, secret := t.settings.ClientID, t.settings.ClientSecret.Reveal()
	if t.settings.Credentials == inBody || secret == "" {
		form.Set("client_id", id)
		if secret != "" {
			form.Set("client_secret", secret)
		}
		return form, header
	}
	// Both are escaped first (RFC 6749, section 2.3.1).
	header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	return form, header
}

// secrets are what no reader of an error may know.
func (t *tokens) secrets() []string {
	found := []string{t.settings.ClientSecret.Reveal()}
	for _, value := range t.settings.Parameters {
		found = append(found, value.Reveal())
	}
	return found
}

// readToken reads the answer of a token endpoint (RFC 6749, section 5.1).
func readToken(body io.Reader) (token string, life time.Duration, err error) {
	answer, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return "", 0, fmt.Errorf("the answer breaks off: %w", err)
	}
	if len(answer) > maxAnswer {
		return "", 0, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	var said struct {
		Token string          `json:"access_token"`
		Type  string          `json:"token_type"`
		Life  json.RawMessage `json:"expires_in"` // a number of seconds, which some write as a text
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return "", 0, errors.New("the answer is no JSON")
	}
	switch {
	case said.Token == "":
		return "", 0, errors.New("the answer holds no access_token")
	case !httpguts.ValidHeaderFieldValue(said.Token):
		return "", 0, errors.New("the answer holds an access_token with a line break or control character in it")
	case said.Type != "" && !strings.EqualFold(said.Type, "bearer"):
		return "", 0, errors.New("the answer holds a token that is not a bearer's")
	}
	seconds, err := strconv.ParseFloat(string(bytes.Trim(said.Life, `"`)), 64)
	if err == nil && seconds > 0 {
		life = time.Duration(min(seconds, sinks.MaxRetryAfter.Seconds()) * float64(time.Second))
	}
	return said.Token, life, nil
}
