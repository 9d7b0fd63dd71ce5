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

  for (const stage of document.querySelectorAll("[data-slides]")) {
    const addresses = stage.dataset.slides.trim().split(/\s+/);
    const image = stage.querySelector("img");
    const slider = Object.assign(document.createElement("input"), {
      type: "range",
      min: 0,
      max: addresses.length - 1,
      value: addresses.length - 1,
    });
    slider.setAttribute("aria-label", "Picture of the time-lapse");
    slider.addEventListener("input", () => (image.src = addresses[slider.value]));
    const play = Object.assign(document.createElement("button"), { type: "button", textContent: "Play" });
    let playing = false;
    play.addEventListener("click", async () => {
      playing = !playing;
      play.textContent = playing ? "Stop" : "Play";
      while (playing) {
        slider.value = (Number(slider.value) + 1) % addresses.length;
        image.src = addresses[slider.value];
        await image.decode().catch(() => undefined);
        await new Promise((done) => setTimeout(done, 120));
      }
    });
    const bar = document.createElement("div");
    bar.className = "player";
    bar.append(play, slider);
    stage.after(bar);
  }
})();
