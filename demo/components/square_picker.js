// The square lives here: moving it draws at once, and tells the page ('cut') at most once a frame.
const box = element.querySelector('.sq');
const over = box.querySelector('.sq-over');
const frame = over.querySelector('i');
const slider = box.querySelector('input');
const back = box.querySelector('button');
const spoken = box.querySelector('.sq-spoken');
let target = null; // the element with the picture: it may be made after this one
const within = (value, low, high) => Math.min(high, Math.max(low, value));
let shown = null; // name, width, height: the picture
let square = null; // left, top, size: fractions of the width, the height, the short side
let own = false; // whether the visitor has chosen it
let waiting = false;
const pointers = new Map(); // those that are down: where they were last

const short = () => Math.min(shown.width, shown.height);
// What a side of the square takes of the width and of the height.
const parts = (size) => ({ x: (size * short()) / shown.width, y: (size * short()) / shown.height });
const whole = () => ({ left: (1 - short() / shown.width) / 2, top: (1 - short() / shown.height) / 2, size: 1 });

function load() {
  const value = props.value;
  box.hidden = !value;
  if (!value) { shown = null; own = false; return; }
  const another = shown?.name !== value.name;
  shown = value;
  if (another || !own) square = { left: value.left, top: value.top, size: value.size };
  // A link may bring a square with its picture; any other picture begins with the largest in its middle.
  if (another) own = Object.entries(whole()).some(([name, there]) => Math.abs(square[name] - there) > 1 / short());
  draw();
}

function draw() {
  if (!shown) return;
  const image = target?.querySelector('img');
  over.hidden = !image;
  if (image) {
    // The picture is fitted into its element; this lies over what is seen of it.
    const area = image.getBoundingClientRect();
    // Few pixels are shown as the squares that they are; a photograph would only look ragged.
    image.style.imageRendering = Math.max(shown.width, shown.height) <= 64 ? 'pixelated' : 'auto';
    const scale = Math.min(area.width / shown.width, area.height / shown.height);
    const origin = (over.offsetParent || document.body).getBoundingClientRect();
    const [width, height] = [shown.width * scale, shown.height * scale];
    Object.assign(over.style, {
      width: `${width}px`, height: `${height}px`,
      left: `${area.left - origin.left + (area.width - width) / 2}px`, top: `${area.top - origin.top + (area.height - height) / 2}px`,
    });
  }
  const { x, y } = parts(square.size);
  Object.assign(frame.style, {
    left: `${100 * square.left}%`, top: `${100 * square.top}%`, width: `${100 * x}%`, height: `${100 * y}%`,
  });
  // A finger that cannot move the square up or down scrolls the page.
  over.style.touchAction = y > 0.999 ? 'pan-y' : 'none';
  slider.value = Math.round(100 * square.size);
  slider.setAttribute('aria-valuetext', `${slider.value} % of the short side`);
  back.disabled = !own;
  Object.assign(box.dataset, square, { own });
}

// The square around the same middle, moved by fractions of the picture, kept inside.
function put(size, dx = 0, dy = 0) {
  size = within(size, props.smallest / 100, 1);
  const [before, after] = [parts(square.size), parts(size)];
  own = true;
  square = {
    left: within(square.left + (before.x - after.x) / 2 + dx, 0, Math.max(0, 1 - after.x)),
    top: within(square.top + (before.y - after.y) / 2 + dy, 0, Math.max(0, 1 - after.y)),
    size,
  };
  tell();
}

function tell() {
  draw();
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; happened('square', { ...square, own }); trigger('cut'); });
}

function say() {
  const percent = (value) => `${Math.round(100 * value)} %`;
  spoken.textContent = `Square from ${percent(square.left)} of the width and ${percent(square.top)} of the height, ${percent(square.size)} of the short side.`;
}

function putBack() {
  own = false;
  square = whole();
  tell();
  say();
}

const spot = (event) => {
  const area = over.getBoundingClientRect();
  return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
};
const apart = ([a, b]) => Math.hypot((a.x - b.x) * shown.width, (a.y - b.y) * shown.height);

over.addEventListener('pointerdown', (event) => {
  if (event.button > 0) return;
  over.setPointerCapture(event.pointerId);
  const at = spot(event);
  const { x, y } = parts(square.size);
  const inside = at.x >= square.left && at.x <= square.left + x && at.y >= square.top && at.y <= square.top + y;
  if (!pointers.size && !inside) put(square.size, at.x - square.left - x / 2, at.y - square.top - y / 2);
  pointers.set(event.pointerId, at);
});
over.addEventListener('pointermove', (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const at = spot(event);
  const gap = pointers.size === 2 ? apart([...pointers.values()]) : 0;
  pointers.set(event.pointerId, at);
  const scale = gap ? apart([...pointers.values()]) / gap : 1;
  put(square.size * scale, (at.x - before.x) / pointers.size, (at.y - before.y) / pointers.size);
});
for (const name of ['pointerup', 'pointercancel']) {
  over.addEventListener(name, (event) => pointers.delete(event.pointerId) && say());
}
// A wheel scrolls the page unless the square was chosen before; two fingers on a touchpad come with ctrlKey.
over.addEventListener('wheel', (event) => {
  if (!event.ctrlKey && document.activeElement !== over) return;
  event.preventDefault();
  put(square.size * Math.exp(-within(event.deltaY, -50, 50) / 200));
}, { passive: false });
over.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.shiftKey ? 0.1 : 0.02;
  const moves = {
    ArrowLeft: () => put(square.size, -step), ArrowRight: () => put(square.size, step),
    ArrowUp: () => put(square.size, 0, -step), ArrowDown: () => put(square.size, 0, step),
    '+': () => put(square.size * 1.1), '=': () => put(square.size * 1.1), '-': () => put(square.size / 1.1),
    0: putBack, Home: putBack,
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  moves[event.key]();
  say();
});
slider.addEventListener('input', () => put(Number(slider.value) / 100));
slider.addEventListener('change', say);
back.addEventListener('click', putBack);

// What is dropped or pasted while a picture lies there goes the way of a chosen file.
function bring(files) {
  const input = target?.querySelector('input[type=file]');
  const image = [...files].find((file) => file.type.startsWith('image/'));
  if (!input || !image) return false;
  const list = new DataTransfer();
  list.items.add(image);
  input.files = list.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
  return true;
}
over.addEventListener('dragover', (event) => event.preventDefault());
over.addEventListener('drop', (event) => { event.preventDefault(); bring(event.dataTransfer.files); });
document.addEventListener('paste', (event) => {
  if (!target?.offsetWidth || event.target.closest?.('input, textarea, [contenteditable]')) return;
  if (bring(event.clipboardData.files)) event.preventDefault();
});

function attach() {
  target = document.getElementById(props.over);
  if (!target) return void setTimeout(attach, 50);
  new ResizeObserver(draw).observe(target);
  new MutationObserver(draw).observe(target, { childList: true, subtree: true });
  target.addEventListener('load', draw, true);
  draw();
}

attach();
load();
watch('value', load);
