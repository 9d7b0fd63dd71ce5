"use strict";
// Draws places on the picture; the text field below it holds them, and works without this file.
(() => {
  const stage = document.querySelector("[data-zones]");
  if (!stage) return;
  const field = document.getElementById("zones");
  const drawing = stage.querySelector(".drawing");
  const tools = document.querySelector("[data-tools]");
  const help = tools.querySelector("[data-help]");
  const HELP = {
    rectangle: "Drag from one corner to the other.",
    polygon: "Click corner after corner; click the first one again to close it.",
  };
  const CLOSE = 3; // percent
  let tool = "rectangle";
  let corners = []; // of the place that is being drawn
  let history = [];

  const lines = () => field.value.split("\n").filter((line) => line.trim());
  const shape = (line) => line.trim().split(/\s+/).map((corner) => corner.split(",").map(Number));

  function outline(points) {
    if (points.length !== 2) return points;
    const [[a, b], [c, d]] = points;
    return [[a, b], [c, b], [c, d], [a, d]];
  }

  function add(kind, name, points) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
    element.setAttribute("class", name);
    element.setAttribute("points", points.map((point) => point.join(",")).join(" "));
    drawing.append(element);
  }

  function draw() {
    drawing.replaceChildren();
    for (const points of lines().map(shape)) if (points.flat().every(Number.isFinite)) add("polygon", "zone", outline(points));
    if (corners.length) add(tool === "polygon" ? "polyline" : "polygon", "zone new", tool === "polygon" ? corners : outline(corners));
    help.textContent = HELP[tool];
  }

  function keep(text) {
    history.push(field.value);
    field.value = text;
  }

  function place(event) {
    const box = stage.getBoundingClientRect();
    const share = (at, from, length) => Math.min(100, Math.max(0, Math.round(((at - from) / length) * 1000) / 10));
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  }

  function finish() {
    const far = corners.some(([x, y]) => Math.abs(x - corners[0][0]) > 0.5 && Math.abs(y - corners[0][1]) > 0.5);
    if (corners.length > 2 || (tool === "rectangle" && far)) keep([...lines(), corners.map((corner) => corner.join(",")).join(" ")].join("\n"));
    corners = [];
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    const here = place(event);
    if (tool === "rectangle") {
      stage.setPointerCapture(event.pointerId);
      corners = [here, here];
    } else if (corners.length > 2 && Math.hypot(here[0] - corners[0][0], here[1] - corners[0][1]) < CLOSE) finish();
    else corners.push(here);
    draw();
  });
  stage.addEventListener("pointermove", (event) => {
    if (tool !== "rectangle" || !corners.length) return;
    corners[1] = place(event);
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => {
      if (tool === "rectangle") finish();
      draw();
    });
  }

  tools.addEventListener("click", ({ target }) => {
    if (target.dataset.tool) {
      tool = target.dataset.tool;
      corners = [];
      for (const each of tools.querySelectorAll("[data-tool]")) each.setAttribute("aria-pressed", String(each === target));
    } else if ("undo" in target.dataset) {
      if (corners.length) corners.pop();
      else if (history.length) field.value = history.pop();
    } else if ("clear" in target.dataset) {
      corners = [];
      if (lines().length) keep("");
    }
    draw();
  });
  field.addEventListener("input", draw);
  tools.hidden = false;
  draw();
})();
