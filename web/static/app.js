"use strict";
// Keeps pages live: replaces the parts that changed and asks for the next picture. Without this file, reload by hand.
(() => {
  const EVERY_MS = 2000;
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const shown = () =>
    document.hidden
      ? new Promise((done) => document.addEventListener("visibilitychange", () => done(shown()), { once: true }))
      : Promise.resolve();

  function tellLost(lost) {
    document.getElementById("lost").hidden = !lost;
    document.body.classList.toggle("is-lost", lost);
  }

  // Pictures that stay on the page keep their element, so that the old one is shown until the new one has come.
  function keepPictures(before, after) {
    for (const next of after.querySelectorAll("img[id]")) {
      const kept = before.querySelector("#" + CSS.escape(next.id));
      if (!kept) continue;
      if (kept.getAttribute("src") !== next.getAttribute("src")) kept.src = next.getAttribute("src");
      kept.alt = next.alt;
      next.replaceWith(kept);
    }
  }

  const seen = new Map();

  function put(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const frame of fresh.querySelectorAll("[data-reload]")) {
      if (document.getElementById(frame.id)?.dataset.reload !== frame.dataset.reload) return location.reload();
    }
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const old = document.getElementById(part.id);
      const text = part.outerHTML;
      if (!old || seen.get(part.id) === text) continue;
      seen.set(part.id, text);
      const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
      keepPictures(old, part);
      old.replaceWith(part);
      if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    }
  }

  async function followParts(region) {
    let etag = "";
    for (;;) {
      await shown();
      try {
        const answer = await fetch(region.dataset.live, {
          cache: "no-store",
          headers: etag ? { "If-None-Match": etag } : {},
        });
        if (answer.status === 401 || answer.status === 404) return location.reload();
        if (answer.status === 200) {
          etag = answer.headers.get("ETag") || "";
          put(await answer.text());
        }
        tellLost(answer.status >= 500);
      } catch {
        tellLost(true);
      }
      await sleep(region.dataset.every || EVERY_MS);
    }
  }

  async function followPicture(image) {
    let seq = image.dataset.seq || "0";
    let address = "";
    for (;;) {
      await shown();
      const began = Date.now();
      try {
        const answer = await fetch(image.dataset.frame + "?after=" + seq, { cache: "no-store" });
        if (answer.status === 200) {
          seq = (answer.headers.get("ETag") || "").replace(/\D/g, "") || "0";
          const old = address;
          image.src = address = URL.createObjectURL(await answer.blob());
          await image.decode().catch(() => undefined);
          if (old) URL.revokeObjectURL(old);
        } else if (answer.status !== 304 || Date.now() - began < 500) {
          await sleep(1000); // nothing there, or no place to wait for it
        }
      } catch {
        await sleep(EVERY_MS);
      }
      await sleep(Math.max(0, 250 - (Date.now() - began)));
    }
  }

  document.querySelectorAll("[data-live]").forEach(followParts);
  document.querySelectorAll("[data-frame]").forEach(followPicture);
})();
