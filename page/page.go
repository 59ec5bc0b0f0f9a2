package page

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/trace"
)

// Prefix begins the paths of all pages.
const Prefix = "/page"

// answerTimeout bounds what one page may ask of Temporal, below what the server gives an answer in all.
const answerTimeout = 30 * time.Second

// policy is the Content-Security-Policy: all that a page loads, and all that it sends, is its own.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// Options of the page.
type Options struct {
	// Temporal to read and to order at. Required.
	Temporal client.Client
	// Namespace of it. Required.
	Namespace string
	// UI is the address of Temporal's Web UI, for links. Empty: there are none.
	UI string
	// By is who gives an order where nobody has said their name, such as user@host.
	By string
	// Token tells whether a token may see the page; nil: everybody may who reaches it.
	Token func(token string) bool
	// Log. Required.
	Log *zap.Logger
}

// Page answers requests below [Prefix].
type Page struct {
	Options

	handler  http.Handler
	sessions sessions
}

//go:embed assets templates
var files embed.FS

// New makes a page.
func New(o Options) *Page {
	p := &Page{Options: o}
	p.handler = p.routes()
	return p
}

// ServeHTTP answers a request. The caller sees to it that only those are let through that are meant for this server, and
// none that a browser sends for another site.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

func (p *Page) routes() http.Handler {
	all := chi.NewRouter()
	all.Use(headers)
	all.NotFound(func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, r, http.StatusNotFound, errors.New("there is no such page"))
	})
	all.Route(Prefix, func(page chi.Router) {
		page.Get("/assets/{name}", asset) // none of which is a folder
		page.Get("/login", p.loginForm)
		page.Post("/login", p.login)
		page.Group(func(page chi.Router) {
			page.Use(p.known)
			page.Post("/logout", p.logout)
			page.Get("/", p.overview)
			page.Get("/sinks/{name}", p.sink)
			page.Post("/sinks/{name}/pause", p.pause)
			page.Post("/sinks/{name}/resume", p.resume)
			page.Get("/dead-letters", p.deadLetters)
			page.Get("/dead-letters/show", p.deadLetter)
			page.Post("/dead-letters/replay", p.replay)
			page.Post("/dead-letters/discard", p.discard)
			page.Get("/orders", p.orders)
			page.Get("/orders/new", p.newOrder)
			page.Post("/orders", p.order)
			page.Get("/orders/show", p.showOrder)
			page.Post("/orders/cancel", p.cancelOrder)
			page.Get("/results", p.result)
		})
	})
	return all
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // addresses have ids of results in them
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// asset is a file that pages load.
func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300") // another release brings other ones
	http.StripPrefix(Prefix, http.FileServerFS(files)).ServeHTTP(w, r)
}

// view is what each page is made of.
type view struct {
	// Title of the page, and Here the entry of the menu that it belongs to.
	Title, Here string
	// Said is what was just done, Q what was looked for.
	Said, Q string
	// Live pages keep themselves up to date, every so many seconds; 0: this one does not.
	Live int
	// UI leads to Temporal's Web UI, and Who is logged in; both may be empty.
	UI, Who string
	// Prefix of all paths.
	Prefix string
	// At is when it was made.
	At time.Time
	// Data of the page.
	Data any
}

// templates by name, each with the frame around it.
var templates = parse("overview", "sink", "dead_letters", "dead_letter", "orders", "new_order", "order", "result", "login", "error")

func parse(names ...string) map[string]*template.Template {
	all := map[string]*template.Template{}
	frame := template.Must(template.New("frame").Funcs(functions()).ParseFS(files, "templates/frame.html"))
	for _, name := range names {
		all[name] = template.Must(template.Must(frame.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return all
}

// show writes a page.
func (p *Page) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.UI, v.Prefix, v.At, v.Who, v.Said = p.UI, Prefix, time.Now(), p.who(r), said(r)
	var text strings.Builder
	if err := templates[name].ExecuteTemplate(&text, "frame", v); err != nil {
		p.Log.Error("a mistake in this program spoiled a page: please report it", zap.String("page", name), zap.Error(err))
		http.Error(w, "this program made a mistake, which its log shows", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text.String())) // who has gone cannot be told
}

// problem is what an error page shows.
type problem struct{ What string }

func (p *Page) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	p.show(w, r, status, "error", view{Title: http.StatusText(status), Data: problem{err.Error()}})
}

// refuse shows an error with the status that it stands for.
func (p *Page) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, errRequest):
		status = http.StatusBadRequest
	case errors.Is(err, deadletters.ErrNotFound), errors.Is(err, deadletters.ErrNoBulk), errors.Is(err, trace.ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, deadletters.ErrClosed):
		status = http.StatusConflict
	case errors.Is(err, consign.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
	}
	p.fail(w, r, status, err)
}

// errRequest marks what the person at the browser can mend.
var errRequest = errors.New("this cannot be done")

// record keeps what was done. What cannot be recorded is done all the same, and logged.
func (p *Page) record(r *http.Request, act consign.Act) {
	act.By = p.by(r)
	if err := consign.RecordAct(r.Context(), p.Temporal, act); err != nil {
		p.Log.Warn("what was done at the page is not recorded", zap.String("act", act.Act), zap.String("on", act.On), zap.String("by", act.By), zap.Error(err))
	}
}

// outcomes are what a page may say was just done, by the word in its address.
var outcomes = map[string]string{
	"replayed":  "The replay is ordered.",
	"discarded": "It is discarded.",
	"paused":    "The sink is paused. Workers hold to it within 5 seconds.",
	"resumed":   "The sink is resumed.",
	"ordered":   "The order is given. It goes on by itself, also when this page is closed.",
	"cancelled": "The order begins nothing more. What is under way goes on.",
}

func said(r *http.Request) string { return outcomes[r.URL.Query().Get("did")] }

// to leads on after something was done, so that loading the page again does not do it again.
func to(w http.ResponseWriter, r *http.Request, path string, query url.Values) {
	http.Redirect(w, r, Prefix+path+"?"+query.Encode(), http.StatusSeeOther)
}
