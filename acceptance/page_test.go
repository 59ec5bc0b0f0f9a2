package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/page"
	"github.com/consign-dev/consign/sinks"
	source "github.com/consign-dev/consign/sources/http"
)

// requireChromium has these tests fail without a browser, instead of being skipped.
const requireChromium = "CONSIGN_REQUIRE_CHROMIUM"

// servePage serves the page of a stage as a worker does, and returns its address.
func (s *stage) servePage(settings config.HTTP) string {
	s.Helper()
	server, err := source.Listen(s.ctx, source.Options{Config: settings, Registry: prometheus.NewRegistry(), Log: zaptest.NewLogger(s)})
	require.NoError(s, err)
	s.Cleanup(func() { _ = server.Stop(s.ctx) })
	server.Show(page.New(page.Options{
		Temporal: s.temporal, Namespace: s.namespace, UI: "http://127.0.0.1:8233", By: "tester@here", Token: server.PageToken(), Log: zaptest.NewLogger(s),
	}))
	return server.URL()
}

func onLoopback(t *testing.T, yaml string) config.HTTP {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte("http: {listen: 127.0.0.1:0, "+yaml+"}"), nil, os.LookupEnv)
	require.NoError(t, err)
	return c.HTTP
}

// visitor is a person with a browser.
type visitor struct {
	*stage
	tab  context.Context
	base string

	mu       sync.Mutex
	mistakes []string // that the browser has noted of pages
}

// browsers that run at once: one takes a core for itself while it starts, and other tests have deadlines.
var browsers = make(chan struct{}, 1)

// visit opens a browser of a width at the page of a stage.
func (s *stage) visit(width int64, settings config.HTTP) *visitor {
	s.Helper()
	if testing.Short() {
		s.Skip("starts a browser")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv(requireChromium) != "" {
			require.NoError(s, err)
		}
		s.Skip("chromium is not installed")
	}
	browsers <- struct{}{}
	s.Cleanup(func() { <-browsers })
	starting, cancel := chromedp.NewExecAllocator(s.ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-quic", true), chromedp.UserDataDir(s.TempDir()))...)
	s.Cleanup(cancel)
	v := &visitor{stage: s, base: s.servePage(settings)}
	v.tab, cancel = chromedp.NewContext(starting)
	s.Cleanup(cancel)
	v.do(chromedp.EmulateViewport(width, 900))
	require.NoError(s, chromedp.Listen(v.tab, func(event any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			v.mistakes = append(v.mistakes, fmt.Sprintf("%+v", e.ExceptionDetails))
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError {
				v.mistakes = append(v.mistakes, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	}))
	return v
}

// forgive forgets what the browser has noted of pages.
func (v *visitor) forgive() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mistakes = nil
}

func (v *visitor) goTo(path string) {
	v.Helper()
	v.do(chromedp.Navigate(v.base + path))
}

func (v *visitor) fill(name, text string) {
	v.Helper()
	v.do(chromedp.SendKeys(chromedp.CSS(fmt.Sprintf("main input[name=%q]", name)), text))
}

func (v *visitor) do(actions ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	require.NoError(v, chromedp.Do(v.tab, actions...))
}

// call sends the browser a command of its protocol.
func call[P any](v *visitor, command cdp.Command[P, cdp.Empty], parameters P) {
	v.Helper()
	_, err := chromedp.Call(v.tab, command, parameters)
	require.NoError(v, err)
}

// find evaluates an expression in the page.
func find[T any](v *visitor, expression string) T {
	v.Helper()
	found, err := chromedp.Run(v.tab, chromedp.Evaluate[T](expression))
	require.NoError(v, err)
	return found
}

// click clicks on what has that text, and waits for the page that it leads to.
func (v *visitor) click(text string) {
	v.Helper()
	v.press(fmt.Sprintf(`//*[self::a or self::button][normalize-space()=%q]`, text))
}

func (v *visitor) press(xpath string) {
	v.Helper()
	_, err := chromedp.RunResponse(v.tab, chromedp.Click(chromedp.Search(xpath)))
	require.NoError(v, err, xpath)
}

// sees waits until the page shows a text.
func (v *visitor) sees(text string) {
	v.Helper()
	var shown string
	defer func() {
		if v.Failed() {
			v.Log(shown)
		}
	}()
	v.eventually(func() bool {
		// A page may be about to give way to another.
		shown, _ = chromedp.Run(v.tab, chromedp.Evaluate[string](`document.body?.innerText ?? ""`))
		return strings.Contains(shown, text)
	}, "the page shows "+text)
}

// wellMade requires what holds for every page: no script or policy was violated, nothing is wider than the window, what can
// be used has a name, and each text stands out from its ground as WCAG 2.1 AA asks.
func (v *visitor) wellMade(what string) {
	v.Helper()
	wrong := find[[]string](v, `(() => {
		const wrong = [];
		const over = document.documentElement.scrollWidth - innerWidth;
		if (over > 0) wrong.push("wider than the window by " + over);
		if (!document.documentElement.lang || !document.title || document.querySelectorAll("h1").length !== 1 || !document.querySelector("main")) wrong.push("no frame");
		for (const e of document.querySelectorAll("a, button, input:not([type=hidden])")) {
			if (!((e.getAttribute("aria-label") || e.innerText || "").trim() || [...(e.labels || [])].some((l) => l.innerText.trim() || l.textContent.trim()))) wrong.push("no name: " + e.outerHTML);
		}
		const channels = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length === 3 ? [...m, 1] : m; };
		const light = (c) => { const [r, g, b] = c.map((x) => { x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
		const ground = (e) => { for (; e; e = e.parentElement) { const c = channels(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
		for (const e of document.querySelectorAll("body *")) {
			if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest("svg, .hidden, .skip")) continue;
			const [a, b] = [light(channels(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
			if ((a + 0.05) / (b + 0.05) < 4.5) wrong.push("contrast " + ((a + 0.05) / (b + 0.05)).toFixed(2) + ": " + e.outerHTML.slice(0, 100));
		}
		return wrong;
	})()`)
	require.Empty(v, wrong, what)
	v.mu.Lock()
	defer v.mu.Unlock()
	require.Empty(v, v.mistakes, what)
}

// parkedDesk has results parked at sink desk, which takes them once it is mended.
func parkedDesk(t *testing.T, ids ...string) (s *stage, mend func()) {
	t.Helper()
	s = perform(t, "sinks:\n  archive: {script: {}}\n  desk: {script: {}}\n  audit: {script: {}, when: source == 'consign' && type == 'act'}\n")
	var mu sync.Mutex
	refuse := sinks.Label(sinks.Permanent(errors.New("no field severity_id")), "http 400")
	s.sinks["desk"].answers(func(int, sinks.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		return refuse
	})
	for _, id := range ids {
		s.wait(s.submit(id, `{"host":"ws-1"}`))
	}
	return s, func() {
		mu.Lock()
		defer mu.Unlock()
		refuse = nil
	}
}

func TestPage_AFailureIsFound_Replayed_AndSeenDelivered(t *testing.T) {
	t.Parallel()
	s, mend := parkedDesk(t, "a", "b")
	v := s.visit(1280, onLoopback(t, ""))
	v.goTo("/")
	v.sees("Needs attention")
	v.sees("2 dead letters")
	v.do(chromedp.SendKeys(chromedp.CSS("#q"), "test/a\r"))
	v.sees("no field severity_id") // why it did not arrive
	mend()
	v.click("Replay")
	v.sees("The replay is ordered.")
	v.sees("sink desk replayed") // without loading it again
	v.click("The whole story of it")
	v.sees("replay by tester@here (page): delivered")
	require.Len(t, s.sinks["desk"].took(), 1)

	v.goTo("/page/dead-letters")
	v.sees("1 dead letter, the newest first")
	v.press(`//th/a[normalize-space()="test/b"]`)
	v.fill("reason", "of no use")
	v.click("Discard for good")
	v.sees("It is discarded.")
	v.sees("of no use (by tester@here (page))")
	require.Len(t, s.sinks["desk"].took(), 1)
	v.wellMade("a discarded dead letter")

	s.eventually(func() bool { return len(s.sinks["audit"].took()) == 2 }, "what was done is told")
	for _, told := range s.sinks["audit"].took() {
		require.Contains(t, string(told.Result.Data), `"by":"tester@here (page)"`)
	}
}

func TestPage_WithoutJavaScript_ManyAreReplayedAfterADryRun(t *testing.T) {
	t.Parallel()
	s, mend := parkedDesk(t, "a", "b", "c")
	v := s.visit(1280, onLoopback(t, ""))
	call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	v.goTo("/page/dead-letters?where=" + url.QueryEscape(`id != "c"`))
	v.sees("test/a")
	v.click("dry run of a replay…")
	v.sees("Dry run: replay 2 dead letters")
	v.sees("http 400")
	require.Empty(t, s.sinks["desk"].took())
	mend()
	v.fill("rate", "100")
	v.click("Replay 2 dead letters")
	v.sees("The order is given.")
	v.sees("where id") // what was ordered, in words
	v.eventually(func() bool { return len(s.sinks["desk"].took()) == 2 }, "both are delivered")
	v.eventually(func() bool { // the page loads itself anew
		state, err := chromedp.Run(v.tab, chromedp.Text(chromedp.CSS("h1 .badge")))
		return err == nil && state == "done"
	}, "the order is done")

	v.goTo("/page/dead-letters")
	v.sees("1 dead letter, the newest first")
	v.click("Discard those chosen…")
	v.sees("choose at least one dead letter")
	v.goTo("/page/dead-letters")
	v.do(chromedp.Click(chromedp.CSS("input[name=id]")))
	v.click("Discard those chosen…")
	v.sees("Dry run: discard 1 dead letter")
	v.fill("reason", "of no use")
	v.click("Discard 1 dead letter for good")
	v.sees("The order is given.")
	s.listed(0)
	require.Len(t, s.sinks["desk"].took(), 2)
}

func TestPage_PausesASink_AndResumesIt(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks:\n  desk: {script: {}}\n")
	v := s.visit(390, onLoopback(t, ""))
	v.goTo("/page/sinks/desk")
	v.fill("reason", "it is being moved")
	v.click("Pause")
	v.sees("The sink is paused.")
	v.sees("it is being moved")
	hold := s.hold("desk")
	require.True(t, hold.Paused)
	require.Equal(t, "it is being moved", hold.Reason)
	require.Equal(t, "tester@here (page)", hold.By)
	v.click("Resume")
	v.sees("The sink is resumed.")
	require.False(t, s.hold("desk").Paused)
}

func TestPage_EveryPage_IsWellMade_WideAndNarrow_LightAndDark(t *testing.T) {
	t.Parallel()
	s, _ := parkedDesk(t, "a", "<b>&\u202e"+strings.Repeat("long", 40))
	letter := s.letters(2)[0].ID
	v := s.visit(1280, onLoopback(t, ""))
	for _, width := range []int64{1280, 390} {
		v.do(chromedp.EmulateViewport(width, 900))
		for _, scheme := range []string{"light", "dark"} {
			call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			for _, path := range []string{
				"/", "/page/sinks/desk", "/page/dead-letters", "/page/dead-letters?by=cause", "/page/dead-letters/show?" + url.Values{"id": {letter}}.Encode(),
				"/page/results?q=test/a", "/page/orders", "/page/orders/new?act=replay", "/page/orders/new?act=discard&sink=desk",
			} {
				v.goTo(path)
				v.wellMade(fmt.Sprintf("%s, %d wide, %s", path, width, scheme))
			}
		}
		v.forgive()
		for path, want := range map[string]string{
			"/page/results?q=test/none": "Nothing is known of test/none", "/page/results?q=none": "name a result as SOURCE/ID", "/page/none": "there is no such page",
			"/page/dead-letters?where=made": "where: ", "/page/dead-letters?since=yesterday": `since "yesterday"`, "/page/sinks/none": "no worker has told of a sink",
			"/page/dead-letters/show?id=dead-letter/none": "no such dead letter", "/page/orders/show?id=bulk/none": "no such order",
			"/page/orders/new?act=burn": "neither replay nor discard",
		} {
			v.goTo(path)
			v.sees(want)
			v.forgive() // the browser notes that it was answered so
			v.wellMade(path)
		}
	}
}

func TestPage_OfManyDeadLetters_IsPaged(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("r%02d", i))
	}
	s, _ := parkedDesk(t, ids...)
	v := s.visit(1280, onLoopback(t, ""))
	seen := map[string]bool{}
	read := func() {
		for _, row := range find[[]string](v, `[...document.querySelectorAll("tbody th a")].map((a) => a.innerText)`) {
			require.False(t, seen[row], row)
			seen[row] = true
		}
	}
	v.goTo("/page/dead-letters")
	v.sees("60 dead letters")
	read()
	require.Len(t, seen, 50)
	v.click("Older ones")
	read()
	require.Len(t, seen, 60)
	v.goTo("/page/dead-letters?after=bm9uZQ")
	v.sees("listing dead letters")
}

func TestPage_WithTokens_AsksForOne_AndForAName(t *testing.T) {
	t.Parallel()
	s, mend := parkedDesk(t, "a")
	path := t.TempDir() + "/tokens"
	require.NoError(t, os.WriteFile(path, []byte("s3cr3t-of-anna\n"), 0o600))
	v := s.visit(390, onLoopback(t, fmt.Sprintf("tokens: [of-producers], page_tokens: [{file: %q}]", path)))
	v.goTo("/page/dead-letters")
	v.sees("Log in")
	v.forgive() // 401
	v.wellMade("login")
	v.fill("name", "anna")
	v.fill("token", "of-producers")
	v.click("Log in")
	v.sees("This is no token that is taken here")
	v.fill("name", "anna")
	v.fill("token", "s3cr3t-of-anna")
	v.click("Log in")
	v.sees("1 dead letter") // where it was meant to go
	mend()
	v.press(`//th/a[normalize-space()="test/a"]`)
	v.click("Replay")
	v.sees("the last by anna (page)")

	require.NoError(t, os.WriteFile(path, []byte("another\n"), 0o600))
	v.eventually(func() bool { // the file is looked at once a second
		v.goTo("/page/")
		return strings.HasPrefix(find[string](v, "document.title"), "Log in")
	}, "who has a token that was taken away is logged out")
}

func TestPage_OfAnotherOrigin_OrAnotherName_OrForProducers_OrdersNothing(t *testing.T) {
	t.Parallel()
	s, _ := parkedDesk(t, "a")
	letter := s.letters(1)[0].ID
	ask := func(settings, method, path string, headers ...string) (int, http.Header) {
		request, err := http.NewRequestWithContext(s.ctx, method, s.servePage(onLoopback(t, settings))+path, strings.NewReader(url.Values{"id": {letter}}.Encode()))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
			if headers[i] == "Host" {
				request.Host = headers[i+1]
			}
		}
		response, err := http.DefaultTransport.RoundTrip(request) // and follow nothing
		require.NoError(t, err)
		response.Body.Close()
		return response.StatusCode, response.Header
	}
	status := func(code int, _ http.Header) int { return code }
	const replay = "/page/dead-letters/replay"
	require.Equal(t, http.StatusForbidden, status(ask("", http.MethodPost, replay, "Sec-Fetch-Site", "cross-site")))
	require.Equal(t, http.StatusForbidden, status(ask("", http.MethodPost, replay, "Origin", "https://evil.example")))
	require.Equal(t, http.StatusForbidden, status(ask("", http.MethodGet, "/page/", "Host", "evil.example")))
	require.Equal(t, http.StatusForbidden, status(ask("tokens: [of-producers]", http.MethodGet, "/page/", "Authorization", "Bearer of-producers")))
	require.Equal(t, http.StatusUnauthorized, status(ask("page_tokens: [of-anna]", http.MethodPost, replay)))
	require.Equal(t, http.StatusUnauthorized, status(ask("page_tokens: [of-anna]", http.MethodGet, "/page/", "Cookie", "consign_page=of-anna")))
	require.Zero(t, s.record(letter).Replays)

	code, headers := ask("", http.MethodGet, "/page/")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, headers.Get("Content-Security-Policy"), "default-src 'none'")
	require.NotContains(t, headers.Get("Content-Security-Policy"), "unsafe")
	require.Equal(t, http.StatusSeeOther, status(ask("", http.MethodPost, replay)), "and this one is taken")
}
