"use strict";
// Pointing at an exact place in a picture, and the pictures of a time-lapse one after the other where there is no video.
(() => {
  for (const form of document.querySelectorAll("[data-point]")) {
    form.addEventListener("click", (event) => {
      if (!event.detail || !event.target.closest("button")) return; // by keyboard the field itself counts
      const box = form.getBoundingClientRect();
      form.elements.x.value = ((event.clientX - box.left) / box.width).toFixed(4);
      form.elements.y.value = ((event.clientY - box.top) / box.height).toFixed(4);
    });
  }

  const stage = document.querySelector("[data-player]");
  if (!stage) return;
  const film = stage.parentElement;
  const addresses = () => film.querySelector("[data-slides]").dataset.slides.trim().split(/\s+/);
  const last = () => addresses().length - 1;
  const image = stage.querySelector("img");
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: last(), value: last() });
  slider.setAttribute("aria-label", "Picture of the time-lapse");
  const show = (number) => {
    slider.value = number;
    image.src = addresses()[slider.value];
  };
  slider.addEventListener("input", () => show(slider.value));
  const play = Object.assign(document.createElement("button"), { type: "button", textContent: "Play" });
  let playing = false;
  play.addEventListener("click", async () => {
    playing = !playing;
    play.textContent = playing ? "Stop" : "Play";
    while (playing) {
      show((Number(slider.value) + 1) % (last() + 1));
      await image.decode().catch(() => undefined);
      await new Promise((done) => setTimeout(done, 120));
    }
  });
  const bar = document.createElement("div");
  bar.className = "player";
  bar.append(play, slider);
  stage.after(bar);

  // A running print gets more pictures: whoever looks at the newest one goes on doing so.
  new MutationObserver(() => {
    const newest = slider.value === slider.max;
    slider.max = last();
    if (newest && !playing) show(slider.max);
  }).observe(film, { childList: true });
})();
