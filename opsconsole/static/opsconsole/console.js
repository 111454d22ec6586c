// What the pages need beyond Unfold, htmx and the server: times that tick, polling that rests, copying, lean addresses.
"use strict";

(() => {
  const UNITS = [[60, 1, "s"], [3600, 60, "min"], [172800, 3600, "h"], [5184000, 86400, "d"], [63072000, 2592000, "months"]];

  // As opsconsole.formatting.relative and .duration.
  const relative = (seconds) => {
    const distance = Math.abs(seconds);
    if (distance < 5) return "just now";
    const [, size, unit] = UNITS.find(([below]) => distance < below) || [0, 31536000, "years"];
    const text = `${Math.floor(distance / size).toLocaleString("en")} ${unit}`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  };
  const duration = (seconds) => {
    if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
    const whole = Math.floor(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
    return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
  };

  const tick = () => {
    if (document.hidden) return;
    const now = Date.now() / 1000;
    for (const time of document.querySelectorAll("time[data-ago], time[data-since]")) {
      const seconds = now - Date.parse(time.dateTime) / 1000;
      if (Number.isNaN(seconds)) continue;
      const text = "ago" in time.dataset ? relative(seconds) : duration(seconds);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  setInterval(tick, 1000);

  // Polling rests while nobody looks, and starts with a fresh look when somebody does again.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.matches("[data-poll]")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    tick();
    for (const part of document.querySelectorAll("[data-poll]")) htmx.trigger(part, "poll");
  });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => event.target.closest("[data-poll]")?.classList.add("oc-stale"));
  }
  // Cells that came along are put in place here, and only those that say something else: htmx takes seconds for a
  // thousand of them, and what has the focus would lose it. Times tick by themselves.
  const said = (element) => element.innerHTML.replace(/(<time[^>]*>)[^<]*/g, "$1");
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const fresh = event.detail.fragment.firstElementChild;
    if (!fresh || !event.target.matches(".oc-cell")) return;
    event.preventDefault();
    if (said(fresh) !== said(event.target)) event.target.replaceChildren(...fresh.childNodes);
  });
  // What somebody has unfolded stays so when its part is refreshed, and what has the focus keeps it.
  let unfolded = [], focused = "";
  const selectorOf = (element) => {
    const named = (...names) => names.filter((name) => element.hasAttribute(name))
      .map((name) => `[${name}="${CSS.escape(element.getAttribute(name))}"]`).join("");
    if (element.id) return `#${CSS.escape(element.id)}`;
    const which = named("href", "name", "value") || named("aria-label");
    if (which) return element.localName + which;
    const around = element.closest("details[id]");
    return element.localName === "summary" && around ? `#${CSS.escape(around.id)} > summary` : "";
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    unfolded = [...target.querySelectorAll("details[id][open]")].map((details) => details.id);
    focused = target.contains(document.activeElement) ? selectorOf(document.activeElement) : "";
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    if (focused && document.activeElement === document.body) {
      const { target } = event.detail;
      (target.isConnected ? target : document).querySelector(focused)?.focus({ preventScroll: true });
    }
    focused = "";
  });
  // A session that has ended answers with the login page; it belongs into the window, not into a part of this page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (new URL(event.detail.xhr.responseURL || location.href).pathname.endsWith("/login/")) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
      // A click beside an open panel closes it.
      for (const panel of document.querySelectorAll("details.oc-drawer[open]")) {
        if (!panel.contains(event.target)) panel.open = false;
      }
      return;
    }
    const source = document.querySelector(button.dataset.copy);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Without HTTPS there is no clipboard; what is selected can be copied by hand.
      getSelection().selectAllChildren(source);
      return;
    }
    const label = button.lastChild;
    const before = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => { label.textContent = before; }, 1500);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const panel of document.querySelectorAll("details.oc-drawer[open]")) {
      panel.open = false;
      panel.querySelector("summary").focus();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit=change]")) event.target.form.requestSubmit();
    // The button says how many are ticked.
    const button = event.target.form?.querySelector("[data-count]");
    if (button && event.target.type === "checkbox") {
      const count = event.target.form.querySelectorAll("input[type=checkbox]:checked").length;
      const noun = count === 1 ? button.dataset.one : button.dataset.many;
      button.querySelector("[data-count-text]").textContent = button.dataset.count.replace("{n}", `${count} ${noun}`);
      button.disabled = count === 0;
    }
  });

  // Django's two boxes of a choice among many name their icons without saying that they are pictures. They come with the
  // page's load, in whatever order.
  addEventListener("load", () => setTimeout(() => {
    for (const icon of document.querySelectorAll(".help-tooltip[aria-label]")) icon.setAttribute("role", "img");
  }));

  // What was left empty stays out of the address.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-lean]")) return;
    for (const input of event.target.elements) if (input.name && !input.value) input.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const input of document.querySelectorAll("form[data-lean] :disabled")) input.disabled = false;
  });
})();
