package webhook

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

func TestDeliver_EachStatus_HasItsClass(t *testing.T) {
	t.Parallel()
	const delivered, transient, busy, permanent = "delivered", "transient", "busy", "permanent"
	for status, want := range map[int]string{
		200: delivered, 201: delivered, 202: delivered, 204: delivered, 299: delivered,
		300: permanent, 301: permanent, 302: permanent, 303: permanent, 304: permanent, 307: permanent, 308: permanent,
		400: permanent, 401: permanent, 403: permanent, 404: permanent, 409: permanent, 410: permanent, 413: permanent, 418: permanent, 422: permanent, 499: permanent,
		408: transient, 425: transient, 429: busy,
		500: transient, 501: transient, 505: transient, 507: transient, 520: transient, 599: transient,
		502: busy, 503: busy, 504: busy,
		600: permanent, 999: permanent,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			r := receive(t, always(status, "", "Retry-After", "7"))
			err := attempt(t, open(t, r.address()), delivery(`{}`))
			if want == delivered {
				require.NoError(t, err, status)
				return
			}
			failure := refused(t, err)
			require.Equal(t, "http "+strconv.Itoa(status), failure.Label)
			require.Equal(t, want == permanent, failure.Permanent, status)
			require.Equal(t, want == busy, failure.Busy, status)
			if want == busy {
				require.Equal(t, 7*time.Second, failure.After)
			} else {
				require.Zero(t, failure.After)
			}
			require.Contains(t, failure.Message, "POST "+r.URL+": answered "+strconv.Itoa(status))
		})
	}
}

func TestDeliver_ARedirect_IsNotFollowedAndNamesTheHostOnly(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"/services/" + password, "%zz" + password, ""} {
		followed := receive(t, nil)
		if strings.HasPrefix(location, "/") {
			location = followed.URL + location
		}
		r := receive(t, always(http.StatusTemporaryRedirect, "", "Location", location))
		failure := refused(t, attempt(t, open(t, r.address()), delivery(`{}`)))
		require.True(t, failure.Permanent)
		require.Equal(t, "http 307", failure.Label)
		require.Contains(t, failure.Message, "not followed")
		if location != "" && !strings.HasPrefix(location, "%") {
			require.Contains(t, failure.Message, "a redirect to "+followed.URL+",")
		}
		require.Empty(t, followed.got())
		require.Len(t, r.got(), 1)
	}
}

func TestDeliver_AnAnswerThatRepeatsTheRequest_IsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, req *http.Request, _ consign.Result) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("Cannot POST " + req.RequestURI + "\x1b[31m\r\n\ttoken " + strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ") + "\xff " + strings.Repeat("é", 300)))
	})
	failure := refused(t, attempt(t, open(t, r.address()), delivery(`{}`)))
	require.Contains(t, failure.Message, `answered 404 Not Found: "Cannot POST [hidden][31m token [hidden] éé`)
	require.Less(t, len(failure.Message), 400)
	require.True(t, strings.HasSuffix(failure.Message, `é…"`), failure.Message)
}

func TestDeliver_Gone_ConcernsTheSinkUnlessEachResultHasItsURL(t *testing.T) {
	t.Parallel()
	r := receive(t, always(http.StatusGone, "no more"))
	for address, want := range map[string]bool{r.address(): true, r.URL + "/{{ .id }}": false, "{{ raw .subject }}": false} {
		d := delivery(`{}`)
		d.Result.Subject = r.URL
		failure := refused(t, attempt(t, build(t, Config{URL: address, Egress: GuardDefault}), d))
		require.Equal(t, want, failure.Gone)
		require.True(t, failure.Permanent)
		require.Equal(t, "http 410", failure.Label)
		require.Contains(t, failure.Message, "wants no more deliveries at this URL")
	}
	sender, err := NewSender(config.NewSecret(key), nil, GuardDefault)
	require.NoError(t, err)
	t.Cleanup(sender.Close)
	require.False(t, refused(t, sender.Post(t.Context(), r.URL, "msg_1", time.Now(), time.Time{}, []byte(`{}`), nil)).Gone, "an ack's URL is its own")
}

func TestDeliver_FailuresAtTheSameURL_AreHiddenByTheSameExpression_AndOthersByTheirs(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, r *http.Request, _ consign.Result) {
		http.Error(w, r.URL.Path, http.StatusNotFound)
	})
	sink := build(t, Config{URL: r.URL + "/{{ .id }}/" + password, Egress: GuardDefault})
	fail := func(id string) *regexp.Regexp {
		d := delivery(`{}`)
		d.Result.ID = id
		require.Contains(t, refused(t, attempt(t, sink, d)).Message, `"[hidden]"`, id)
		return sink.sender.hiding.last.Load()
	}
	first := fail("result-one")
	require.Same(t, first, fail("result-one"))
	require.NotSame(t, first, fail("result-two"))
}
