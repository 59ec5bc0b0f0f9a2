package webhook

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An address is refused without being shown, or it is one that a request can be made of.
func FuzzEndpoint(f *testing.F) {
	for _, address := range []string{
		"https://example.com/hook", "http://[::1]:80/", "https://user:pass@example.com", "htps://x", "https:opaque", "//x", "http://x:0", "http://x:99999", "http://x:y", "http:///x", "http://x\n", "http://%41/", "http://[fe80::1%25eth0]/",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		target, err := endpoint(address)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			if u, parsed := url.Parse(address); parsed == nil && u.User != nil && len(u.User.String()) > 20 {
				require.NotContains(t, err.Error(), u.User.String())
			}
			return
		}
		require.NotEmpty(t, target.Hostname())
		require.Nil(t, target.User)
		request, err := http.NewRequest(http.MethodPost, target.String(), http.NoBody)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(target.Host, ":"), request.URL.Host) // net/http leaves an empty port out
	})
}

// Whatever a receiver answers, the error shows neither what only the receiver may know, in any of the
// spellings in which receivers repeat it, nor what would steer a terminal.
func FuzzAnswerIsHidden(f *testing.F) {
	for _, answer := range []string{"Cannot POST %s", "<p>%s</p>", "%s%s", "\x1b[31m%s", "", "%", "\xff%s", `{"token":"%s"}`} {
		f.Add(answer, 0, 404)
		f.Add(answer, 3, 302)
		f.Add(answer, 5, 503)
	}
	const token = "Zk9/vT+7q=&x2LwE<8rN"
	target := &url.URL{Scheme: "https", Host: "example.com", Path: "/services/" + token, RawQuery: "key=" + url.QueryEscape(token)}
	hide := hider(target, map[string]string{"Authorization": "Bearer " + token})
	spelled := spellings(token)
	f.Fuzz(func(t *testing.T, answer string, form, status int) {
		if status < 300 || status > 999 {
			return
		}
		repeated := spelled[uint(form)%uint(len(spelled))]
		recorder := &http.Response{
			StatusCode: status, Header: http.Header{"Location": {"https://other.example/" + repeated}},
			Body: io.NopCloser(strings.NewReader(strings.ReplaceAll(answer, "%s", repeated))),
		}
		err := judge(recorder, outgoing{method: http.MethodPost, target: target}, hide, time.Now())
		require.Error(t, err)
		for _, form := range spelled {
			if !strings.Contains(strings.ToLower(answer), strings.ToLower(form)) {
				require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(form))
			}
		}
		require.NotContains(t, err.Error(), "\x1b")
		require.LessOrEqual(t, len(err.Error()), 1<<10)
	})
}
