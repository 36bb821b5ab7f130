// The browser's side of dgmlib.widgets: sends the user's actions, draws the frames that come back.

const COLOURS = { positive: "#0072b2", negative: "#d55e00" };
const STEP = 8; // pixels that an arrow key moves the cross
const HELP = {
  "": "Picture, to be changed by the sliders below.",
  click: "Picture. Arrows move the cross, Enter clicks.",
  hover: "Photograph. Arrows move the cross, Enter: this belongs, Shift+Enter: this does not, U: undo.",
};

const clamp = (value, size) => Math.min(size - 1, Math.max(0, value));

// Clicks differ in shape and sign, not only in colour.
// `unit` is one screen pixel: a large photograph is shown smaller, but its marks are not.
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
  const [width, height, sliders, pointer] = ["width", "height", "sliders", "pointer"].map((name) => model.get(name));
  const zoom = Math.max(1, Math.round(480 / width)); // a small photograph is shown larger
  const root = document.createElement("div");
  root.className = "dgmlib-touch";
  const slider = ({ name, values, index }, at) => `
    <label>${name} <input type="range" min="0" max="${values.length - 1}" value="${index}" data-at="${at}"
                          style="vertical-align: middle; width: ${values.length > 12 ? 320 : 130}px">
      <output>${values[index]}</output></label>`;
  root.innerHTML = `
    <canvas width="${width * zoom}" height="${height * zoom}" role="application" aria-label="${HELP[pointer]}"
            ${pointer ? 'tabindex="0"' : ""} style="max-width: 100%; display: block;
            cursor: ${pointer ? "crosshair" : "default"}"></canvas>
    <div style="display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin-top: 6px">
      ${sliders.map(slider).join(" ")}
      ${model.get("buttons").map((name) => `<button type="button">${name}</button>`).join(" ")}
    </div>
    <div role="status" aria-live="polite"></div>`;
  el.append(root);
  const [canvas, status] = ["canvas", "[role=status]"].map((part) => root.querySelector(part));
  for (const button of root.querySelectorAll("button")) button.onclick = () => act({ kind: button.textContent });

  const context = canvas.getContext("2d");
  const picture = (bytes) => createImageBitmap(new Blob([bytes]));
  const photo = model.get("photo").byteLength ? await picture(model.get("photo")) : null;
  let seq = model.get("frame").seq; // continues across the views of one widget
  let sent = performance.now();
  let drawn = null; // the frame on the canvas, with its decoded picture
  let cross = null; // where the keyboard points
  let waiting = false; // for an answer
  const pending = new Map(); // the newest messages, sent after it

  function send(message) {
    [sent, waiting] = [performance.now(), true];
    model.send({ ...message, seq: ++seq });
  }

  function flush() {
    for (const message of pending.values()) send(message);
    pending.clear();
  }

  // Sliders that still wait go first, so that Python sees the order of the page; where the pointer was is past.
  function act(message) {
    for (const kind of ["hover", "click"]) pending.delete(kind);
    flush();
    send(message);
  }

  // A drag gives events faster than answers: only the newest is sent, as soon as the last one is answered.
  function stream(message) {
    if (waiting && performance.now() - sent < 2000) pending.set(message.name ?? message.kind, message);
    else {
      pending.delete(message.name ?? message.kind); // an older one would be sent after it
      send(message);
    }
  }

  function paint() {
    if (!drawn) return;
    const unit = Math.max(1, canvas.width / (canvas.clientWidth || canvas.width));
    context.imageSmoothingEnabled = true;
    if (photo) context.drawImage(photo, 0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = !photo;
    context.drawImage(drawn.bitmap, 0, 0, canvas.width, canvas.height);
    for (const { x, y, positive } of drawn.clicks ?? [])
      mark(context, (x + 0.5) * zoom, (y + 0.5) * zoom, positive, unit);
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
    const bitmap = await picture(frame.picture);
    if (frame !== model.get("frame")) return bitmap.close(); // a newer one arrived while this one was decoded
    drawn?.bitmap.close();
    drawn = { ...frame, bitmap };
    seq = Math.max(seq, frame.seq);
    paint();
    status.textContent = frame.text;
    const milliseconds = (performance.now() - sent).toFixed(1); // from the last message to the repaint
    Object.assign(canvas.dataset, { ready: 1, seq: frame.seq, milliseconds, ...frame.facts });
    waiting = frame.seq < seq;
    if (!waiting) flush();
  }

  const click = (x, y, positive) => act({ kind: "click", x, y, positive });
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return { x: clamp(Math.floor(x * width), width), y: clamp(Math.floor(y * height), height) };
  };
  const on = (what, does) => pointer && canvas.addEventListener(what, does);

  on("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 2) return;
    const { x, y } = place(event);
    cross = null;
    click(x, y, event.button === 0 && !event.shiftKey && !event.ctrlKey); // on a Mac, Control may be the right button
  });
  on("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
  });
  on("pointermove", (event) => {
    if (pointer === "hover" && !event.buttons) stream({ kind: "hover", ...place(event) });
    else if (pointer === "click" && event.buttons) stream({ kind: "click", ...place(event), positive: true });
  });
  on("pointerleave", () => pointer === "hover" && stream({ kind: "hover", x: null, y: null }));
  on("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const here = cross ?? { x: width >> 1, y: height >> 1 };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key].map((step) => step * (event.shiftKey ? 1 : STEP));
      cross = { x: clamp(here.x + dx, width), y: clamp(here.y + dy, height) };
      paint();
    } else if (event.key === "Enter" || event.key === " ") click(here.x, here.y, !event.shiftKey);
    else if (event.key.toLowerCase() === "u" && pointer === "hover") act({ kind: "Undo" });
    else return;
    event.preventDefault();
  });
  on("focus", () => {
    if (canvas.matches(":focus-visible")) cross ??= { x: width >> 1, y: height >> 1 };
    paint();
  });
  on("blur", paint);
  const resized = new ResizeObserver(paint);
  resized.observe(canvas);

  for (const input of root.querySelectorAll("input")) {
    const { name, values } = sliders[input.dataset.at];
    input.addEventListener("input", () => {
      input.nextElementSibling.textContent = values[input.value];
      stream({ kind: "slide", name, index: Number(input.value) });
    });
  }
  // JupyterLab's shortcuts would otherwise capture arrows and Enter.
  root.addEventListener("keydown", (event) => event.stopPropagation());

  const save = ({ name, type }, [bytes]) => {
    waiting = false;
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
