// The page's side of dgmlib.widgets.ClickWidget: sends what a person does, draws the frames that come back.

const COLOURS = { positive: "#0072b2", negative: "#d55e00" };
const STEP = 8; // pixels that an arrow key moves the cross

const MESSAGES = {
  Undo: { kind: "undo" },
  Reset: { kind: "reset" },
  "Save mask": { kind: "save", what: "mask" },
  "Save clicks": { kind: "save", what: "clicks" },
};
const HELP = "Photograph. Arrows move the cross, Enter: this belongs, Shift+Enter: this does not, U: undo.";

const clamp = (value, size) => Math.min(size - 1, Math.max(0, value));

async function picture(bytes, type) {
  return createImageBitmap(new Blob([bytes], { type }));
}

// A click is told apart by its shape and its sign, not by its colour alone.
// `unit` is a pixel of the screen: a large photograph is shown smaller, its marks are not.
function mark(context, x, y, positive, unit) {
  context.save();
  context.translate(x, y);
  context.scale(unit, unit);
  context.beginPath();
  if (positive) context.arc(0, 0, 8, 0, 2 * Math.PI);
  else context.rect(-7, -7, 14, 14);
  context.fillStyle = positive ? COLOURS.positive : COLOURS.negative;
  context.fill();
  context.strokeStyle = "white";
  context.lineWidth = 2;
  context.stroke();
  context.fillStyle = "white";
  context.fillRect(-4, -1, 8, 2);
  if (positive) context.fillRect(-1, -4, 2, 8);
  context.restore();
}

async function render({ model, el }) {
  const [width, height, levels] = ["width", "height", "levels"].map((name) => model.get(name));
  const zoom = Math.max(1, Math.round(480 / width)); // a small photograph is shown larger
  const root = document.createElement("div");
  root.className = "dgmlib-clicks";
  root.innerHTML = `
    <canvas width="${width * zoom}" height="${height * zoom}" tabindex="0" role="application" aria-label="${HELP}"
            style="max-width: 100%; cursor: crosshair; display: block"></canvas>
    <div style="display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-top: 6px">
      <label>level <input type="range" min="1" max="${levels}" value="${model.get("level")}"
                          style="vertical-align: middle"> <output>${model.get("level")} of ${levels}</output></label>
      ${Object.keys(MESSAGES).map((name) => `<button type="button">${name}</button>`).join(" ")}
    </div>
    <div role="status" aria-live="polite"></div>`;
  el.append(root);
  const parts = ["canvas", "input", "output", "[role=status]"];
  const [canvas, slider, shown, status] = parts.map((part) => root.querySelector(part));
  for (const button of root.querySelectorAll("button")) button.onclick = () => send(MESSAGES[button.textContent]);

  const context = canvas.getContext("2d");
  const photo = await picture(model.get("photo"), "image/jpeg");
  let seq = model.get("frame").seq; // several views of one widget count on together
  let sent = performance.now();
  let drawn = null; // the frame on the canvas, with its decoded overlay
  let cross = null; // where the keyboard points

  function send(message) {
    sent = performance.now();
    model.send({ ...message, seq: ++seq });
  }

  function paint() {
    if (!drawn) return;
    const unit = Math.max(1, canvas.width / (canvas.clientWidth || canvas.width));
    context.drawImage(photo, 0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(drawn.overlay, 0, 0, canvas.width, canvas.height);
    for (const { x, y, positive } of drawn.clicks) mark(context, (x + 0.5) * zoom, (y + 0.5) * zoom, positive, unit);
    if (cross && document.activeElement === canvas) {
      const [x, y] = [(cross.x + 0.5) * zoom, (cross.y + 0.5) * zoom];
      for (const [colour, thick] of [["black", 4 * unit], ["white", 2 * unit]]) {
        context.fillStyle = colour;
        context.fillRect(x - 12 * unit, y - thick / 2, 24 * unit, thick);
        context.fillRect(x - thick / 2, y - 12 * unit, thick, 24 * unit);
      }
    }
  }

  async function update() {
    const frame = model.get("frame");
    const overlay = await picture(frame.png, "image/png");
    if (frame !== model.get("frame")) return; // a newer one came while this one was decoded
    drawn = { ...frame, overlay };
    seq = Math.max(seq, frame.seq);
    paint();
    const count = frame.clicks.length;
    const share = ((100 * frame.selected) / (width * height)).toFixed(1);
    status.textContent = `${count} click${count === 1 ? "" : "s"}, ${share} % of the photograph selected`;
    Object.assign(canvas.dataset, {
      ready: 1,
      seq: frame.seq,
      clicks: count,
      selected: frame.selected,
      milliseconds: (performance.now() - sent).toFixed(1), // from the last message to the repaint
    });
  }

  const click = (x, y, positive) => send({ kind: "click", x, y, positive });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 2) return;
    const box = canvas.getBoundingClientRect();
    const x = clamp(Math.floor(((event.clientX - box.left) * width) / box.width), width);
    const y = clamp(Math.floor(((event.clientY - box.top) * height) / box.height), height);
    cross = null;
    click(x, y, event.button === 0 && !event.shiftKey && !event.ctrlKey); // a Mac's right button may be Control
  });
  canvas.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
  });
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const here = cross ?? { x: width >> 1, y: height >> 1 };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key].map((step) => step * (event.shiftKey ? 1 : STEP));
      cross = { x: clamp(here.x + dx, width), y: clamp(here.y + dy, height) };
      paint();
    } else if (event.key === "Enter" || event.key === " ") click(here.x, here.y, !event.shiftKey);
    else if (event.key.toLowerCase() === "u") send({ kind: "undo" });
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) cross ??= { x: width >> 1, y: height >> 1 };
    paint();
  });
  canvas.addEventListener("blur", paint);
  const resized = new ResizeObserver(paint);
  resized.observe(canvas);

  let waiting = false; // a drag gives more events than there are frames
  slider.addEventListener("input", () => {
    shown.textContent = `${slider.value} of ${levels}`;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      send({ kind: "level", level: Number(slider.value) });
    });
  });
  // JupyterLab's shortcuts would take arrows and Enter away from the widget.
  root.addEventListener("keydown", (event) => event.stopPropagation());

  const save = ({ name, type }, [bytes]) => {
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(new Blob([bytes], { type })),
      download: name,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000); // Safari reads it after the click
  };
  model.on("change:frame", update);
  model.on("msg:custom", save);
  await update();
  return () => {
    resized.disconnect();
    model.off("change:frame", update);
    model.off("msg:custom", save);
  };
}

export default { render };
