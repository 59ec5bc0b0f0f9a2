// All of this is a convenience: the page works without it.
"use strict";

// A live page takes its content anew, unless the person is in the midst of something.
function busy(main) {
  const active = document.activeElement;
  const typing = active && main.contains(active) && active.matches("input, textarea, select");
  const chosen = main.querySelector("input:checked") !== null;
  const typed = [...main.querySelectorAll("input:not([type=hidden]):not([type=checkbox])")].some((i) => i.value !== i.defaultValue);
  return typing || chosen || typed || !getSelection().isCollapsed || document.hidden;
}

async function renew() {
  const main = document.getElementById("main");
  const every = Number(main.dataset.live);
  if (!every) return;
  const live = document.getElementById("live");
  if (!busy(main)) {
    try {
      const address = new URL(location.href);
      address.searchParams.delete("did"); // it was said once
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const content = fresh.getElementById("main");
      if (!content || !answer.ok) throw new Error(answer.statusText);
      if (!busy(main)) {
        const focused = document.activeElement && main.contains(document.activeElement) && document.activeElement.getAttribute("href");
        const opened = [...main.querySelectorAll("details")].map((d) => d.open);
        main.replaceChildren(...content.childNodes);
        main.dataset.live = content.dataset.live || "";
        main.querySelectorAll("details").forEach((d, i) => { if (i < opened.length) d.open = opened[i]; });
        if (focused) main.querySelector('a[href="' + CSS.escape(focused) + '"]')?.focus();
        document.querySelector("footer time")?.replaceWith(fresh.querySelector("footer time"));
        ready(main);
        if (live) live.textContent = "";
      }
    } catch {
      if (live) live.textContent = "; this may be old: no answer";
    }
  }
  setTimeout(renew, 1000 * (Number(main.dataset.live) || every));
}

// A list of choices gets one for all of them.
function ready(main) {
  const table = main.querySelector("table[data-choose]");
  if (!table) return;
  const boxes = table.querySelectorAll("tbody input[type=checkbox]");
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "choose all on this page");
  all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  table.querySelector("thead th").replaceChildren(all);
}

const places = { o: "/page/", d: "/page/dead-letters", r: "/page/orders" };
let going = 0; // when "g" was pressed

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const rows = [...document.querySelectorAll(".rows tbody a")].filter((a) => a.closest("th, td").matches("th[scope=row], td:first-of-type"));
  const at = rows.indexOf(document.activeElement);
  if (event.key === "/") document.getElementById("q").focus();
  else if (event.key === "g") { going = Date.now(); return; }
  else if (Date.now() - going < 1500 && places[event.key]) location.assign(places[event.key]);
  else if (event.key === "j" && rows.length) rows[Math.min(at + 1, rows.length - 1)].focus();
  else if (event.key === "k" && rows.length) rows[Math.max(at - 1, 0)].focus();
  else return;
  going = 0;
  event.preventDefault();
});

document.querySelector(".keys").hidden = false;
ready(document.getElementById("main"));
if (document.getElementById("main").dataset.live) setTimeout(renew, 1000 * Number(document.getElementById("main").dataset.live));
