package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"
)

func TestSpark_ShowsWhatIsNotNothing_AndNoMoreThanItsHeight(t *testing.T) {
	t.Parallel()
	s := spark([]int64{0, 1, 1000, 999}, []int64{0, 0, 1})
	require.Equal(t, []bar{
		{X: 0, DeliveredY: 24, FailedY: 24},
		{X: 4, Delivered: 1, DeliveredY: 23, FailedY: 23},
		{X: 8, Delivered: 24},
		{X: 12, Delivered: 23, DeliveredY: 1, Failed: 1, FailedY: 0},
	}, s.Bars)
	require.Equal(t, "last 4 minutes: 2,000 delivered, 1 failed attempts, at most 1,000 in a minute", s.Label)
	require.Empty(t, spark(nil, nil).Bars, "of a worker of an earlier release")
}

func TestData_OfAnyResult_IsShownIndentedAndBounded(t *testing.T) {
	t.Parallel()
	require.Equal(t, "{\n  \"a\": 1.0\n}", data([]byte(`{"a":1.0}`)))
	require.Equal(t, "no json \uFFFD", data([]byte("no json \xff")))
	long := data([]byte(`"` + strings.Repeat("é", 50_000) + `"`))
	require.Less(t, len(long), shownData+100)
	require.True(t, strings.HasSuffix(long, "é\n… of 100 kB"), long[len(long)-20:])
}

func TestSessions_EndWithTime_WithTheirToken_AndTheOldestWhenThereAreMany(t *testing.T) {
	t.Parallel()
	var s sessions
	first := s.begin("token", "anna")
	_, known := s.find(first)
	require.True(t, known)
	s.all[first] = session{began: time.Now().Add(-sessionAge - time.Second)}
	_, known = s.find(first)
	require.False(t, known)

	ids := make([]string, maxSessions+1)
	for i := range ids {
		ids[i] = s.begin("token", fmt.Sprint(i))
	}
	require.Len(t, s.all, maxSessions)
	_, known = s.find(ids[0])
	require.False(t, known)
	_, known = s.find(ids[maxSessions])
	require.True(t, known)
}

func TestLogin_ACookieIsForThisPageAlone_AndHoldsNoToken(t *testing.T) {
	t.Parallel()
	p := New(Options{Token: func(token string) bool { return token == "s3cr3t" }, Log: zaptest.NewLogger(t)})
	post := func(next string) *http.Response {
		form := url.Values{"token": {"s3cr3t"}, "name": {"anna"}, "to": {next}}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/page/login", strings.NewReader(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := httptest.NewRecorder()
		p.ServeHTTP(answer, request)
		return answer.Result()
	}
	for next, want := range map[string]string{
		"/page/orders?x=1": "/page/orders?x=1", "": "/page/", "https://evil.example/page/": "/page/", "//evil.example": "/page/", "/page/login": "/page/",
	} {
		answer := post(next)
		require.Equal(t, http.StatusSeeOther, answer.StatusCode)
		require.Equal(t, want, answer.Header.Get("Location"), next)
		require.Len(t, answer.Cookies(), 1)
		c := answer.Cookies()[0]
		require.True(t, c.HttpOnly)
		require.Equal(t, http.SameSiteStrictMode, c.SameSite)
		require.Equal(t, "/page", c.Path)
		require.NotContains(t, c.Value, "s3cr3t")
		require.NoError(t, answer.Body.Close())
	}
}

func TestFilter_InAnAddress_IsTheFilterThatWasFilledIn(t *testing.T) {
	t.Parallel()
	want := filter{Sink: "a&b", Cause: "http 400", Since: "2h", Where: `id == "x"`, Closed: true}
	text, err := want.Query()
	require.NoError(t, err)
	values, err := url.ParseQuery(string(text))
	require.NoError(t, err)
	require.Equal(t, want, filterOf(values))
	_, err = filter{Where: "made >"}.parse()
	require.ErrorIs(t, err, errRequest)
	_, err = filter{Until: "tomorrow"}.parse()
	require.ErrorIs(t, err, errRequest)
}
