// Renews the live part of a page every few seconds, without taking focus, selection or half-typed words away.
// Everything works without it: it only presses "reload".
(function () {
  "use strict";
  const live = document.getElementById("live");
  const auto = document.getElementById("auto");
  if (!live || !auto) { return; }
  auto.parentElement.hidden = false;

  function busy() {
    const selection = window.getSelection();
    return !auto.checked || document.hidden || live.contains(document.activeElement) ||
      (selection && !selection.isCollapsed);
  }

  async function renew() {
    if (busy()) { return; }
    let response;
    try {
      response = await fetch(location.href, { headers: { "X-Gerbang-Background": "1" }, cache: "no-store" });
    } catch (error) {
      return; // the console is away; the next turn tries again
    }
    if (response.redirected) { location.reload(); return; } // signed out
    if (!response.ok) { return; }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh && !busy()) { live.replaceChildren(...fresh.childNodes); }
  }

  setInterval(renew, Number(live.dataset.seconds) * 1000);
})();
