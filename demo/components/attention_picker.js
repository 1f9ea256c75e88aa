// All weights are here, so choosing a position draws at once, without asking the server.
const box = element.querySelector('.ap');
const figures = box.querySelector('.ap-figures');
const picker = box.querySelector('.ap-frame');
const spoken = box.querySelector('.ap-spoken');
const note = box.querySelector('.ap-note');
const twinSwitch = box.querySelector('.ap-switch');
const ticks = [...box.querySelectorAll('.ap-ticks span')];
const palette = props.palette.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
const SAID = {
  asking: 'The same network with random weights is asked …',
  twin: 'These are the maps of the same network with random weights, which has learned nothing. What looks just as telling here comes from the layers and the picture, not from training.',
};
let shown = null; // the answer: pixels, rows, columns, heads, weights (bytes), entropy, effects
let twin = null; // the same maps of the untrained twin, once they were asked for
let query = { row: 8, column: 8 };
let timers = { spoken: 0, twin: 0 };

box.querySelector('.ap-ramp').style.background = `linear-gradient(to right, ${props.palette.join(',')})`;

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const keys = () => shown.rows * shown.columns;
const place = (key) => `row ${Math.floor(key / shown.columns) + 1}, column ${(key % shown.columns) + 1}`;
const short = (number) => (number >= 9.95 ? number.toFixed(0) : number.toPrecision(2));
// 0.0052 -> "0.52 %, 1.3 times an even share"
const share = (weight) => `${short(100 * weight)} %`;
const amount = (weight) => `${share(weight)}, ${short(weight * keys())} times an even share`;

function take() {
  const value = props.value;
  if (value?.twin_of) {
    if (shown?.mark !== value.twin_of) return; // of a picture that was shown before
    twin = { ...value, weights: bytes(value.attention) };
    return draw();
  }
  box.hidden = !value;
  twin = null;
  if (!value) { shown = null; return; }
  if (shown?.heads !== value.heads) makeFrames(value.heads);
  shown = { ...value, weights: bytes(value.attention) };
  query = { row: Math.min(query.row, value.rows - 1), column: Math.min(query.column, value.columns - 1) };
  const pixels = bytes(value.pixels);
  paint(picker.querySelector('canvas'), value.side, value.side, (i) => pixels.subarray(3 * i, 3 * i + 3));
  if (twinSwitch.checked) askTwin();
  draw();
}

// Not at once: the square may still be moving.
function askTwin() {
  clearTimeout(timers.twin);
  timers.twin = setTimeout(() => shown && trigger('twin', { key: shown.key, pixels: shown.pixels }), 250);
}

function paint(canvas, width, height, colourOf) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set(colourOf(i), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// The picture is there already; one frame a head follows, and their mean.
function makeFrames(heads) {
  while (figures.children.length > 1) figures.lastElementChild.remove();
  for (let map = 0; map < heads + (heads > 1); map++) {
    const figure = document.createElement('figure');
    figure.innerHTML = '<div class="ap-frame"><canvas></canvas></div><figcaption><span class="ap-told"></span><span class="ap-spread"></span><span class="ap-effect"></span></figcaption>';
    figures.append(figure);
  }
  frames().forEach((frame, index) => {
    for (const kind of ['seen', 'query', 'most', 'key']) {
      if (!frame.querySelector(`.ap-${kind}`)) frame.append(Object.assign(document.createElement('i'), { className: `ap-${kind}`, hidden: true }));
    }
    frame.onclick = (event) => choose(at(frame, event)); // a finger that taps a map
    frame.onpointerdown = (event) => {
      if (event.button || (index && event.pointerType !== 'mouse')) return; // a finger on a map may scroll the page
      frame.setPointerCapture(event.pointerId);
      choose(at(frame, event));
    };
    frame.onpointermove = (event) => {
      if (frame.hasPointerCapture(event.pointerId)) choose(at(frame, event));
      else if (event.pointerType === 'mouse') look(index, at(frame, event));
    };
    frame.onpointerleave = () => look(index, null);
  });
}

const frames = () => [...figures.querySelectorAll('.ap-frame')];
const named = (index) => (index <= shown.heads ? `Head ${index}` : shown.heads === 2 ? 'Mean of both heads' : 'Mean of all heads');

function at(frame, event) {
  const area = frame.getBoundingClientRect();
  const part = (offset, length, count) => Math.min(count - 1, Math.max(0, Math.floor((offset / length) * count)));
  return {
    row: part(event.clientY - area.top, area.height, shown.rows),
    column: part(event.clientX - area.left, area.width, shown.columns),
  };
}

// A position, or all within `around` positions of it that lie in the picture; null takes the mark away.
function mark(frame, kind, spot, around = 0) {
  const sign = frame.querySelector(`.ap-${kind}`);
  sign.hidden = !spot;
  if (!spot) return;
  const [top, left] = [Math.max(0, spot.row - around), Math.max(0, spot.column - around)];
  const [bottom, right] = [Math.min(shown.rows, spot.row + around + 1), Math.min(shown.columns, spot.column + around + 1)];
  Object.assign(sign.style, {
    left: `${(100 * left) / shown.columns}%`, top: `${(100 * top) / shown.rows}%`,
    width: `${(100 * (right - left)) / shown.columns}%`, height: `${(100 * (bottom - top)) / shown.rows}%`,
  });
}

// What the chosen position took from where: of each head, and their mean.
function maps() {
  const { weights } = twinSwitch.checked && twin ? twin : shown;
  const count = keys();
  const heads = Array.from({ length: shown.heads }, (_, head) => {
    const start = (head * count + query.row * shown.columns + query.column) * count;
    return Float64Array.from(weights.subarray(start, start + count), (byte) => 2 ** ((byte - props.even) / props.steps) / count);
  });
  if (shown.heads > 1) heads.push(heads[0].map((_, key) => heads.reduce((sum, map) => sum + map[key], 0) / shown.heads));
  return heads;
}

// Weights -> 0..1 along the palette, by their logarithm.
function levels(low, high) {
  const [from, to] = [Math.log2(low), Math.log2(high)];
  return (weight) => (to > from ? Math.min(1, Math.max(0, (Math.log2(weight) - from) / (to - from))) : 0.5);
}

function colour(level) {
  const below = Math.min(Math.floor(level * (palette.length - 1)), palette.length - 2);
  return palette[below].map((value, k) => value + (palette[below + 1][k] - value) * (level * (palette.length - 1) - below));
}

function draw() {
  if (!shown) return;
  Object.assign(box.dataset, query); // for those who ask which position is chosen
  const position = `row ${query.row + 1}, column ${query.column + 1}`;
  const untrained = twinSwitch.checked;
  note.hidden = !untrained;
  const said = !untrained ? '' : twin ? SAID.twin : SAID.asking;
  if (note.textContent !== said) note.textContent = said;
  box.classList.toggle('ap-waits', untrained && !twin);
  const all = maps();
  const ends = (map) => [Math.min(...map), Math.max(...map)];
  const scale = box.querySelector('[name=ap-scale]:checked').value;
  const times = 2 ** (props.reach / props.steps);
  const common = scale === 'even' ? [1 / times / keys(), times / keys()] : ends(all.flatMap(ends));
  const sentences = [`Position in ${position}.`];
  figures.querySelector('figcaption').textContent = `The picture. Solid: ${position}. Dashed: the pixels that this position has seen before attention.`;
  frames().forEach((frame, index) => {
    mark(frame, 'query', query);
    mark(frame, 'seen', index ? null : query, props.sight);
    if (index === 0) return;
    const map = all[index - 1];
    const level = levels(...(scale === 'own' ? ends(map) : common));
    paint(frame.querySelector('canvas'), shown.columns, shown.rows, (i) => colour(level(map[i])));
    const text = summary(frame, index, map);
    const entropy = (untrained && twin ? twin : shown).entropy[index - 1][query.row * shown.columns + query.column];
    const spread = `Spread: ${entropy.toFixed(2)} of ${shown.entropy_even} bits.`;
    const range = scale === 'own' ? ` Colours: ${ends(map).map(share).join(' to ')}.` : '';
    frame.nextElementSibling.querySelector('.ap-spread').textContent = spread + range;
    const told = frame.nextElementSibling.querySelector('.ap-effect');
    if (shown.effects) {
      const effect = shown.effects[index <= shown.heads ? index - 1 : shown.heads];
      told.dataset.kind = effect.kind;
      told.textContent = untrained ? '' : `${index <= shown.heads ? 'Switched off' : 'All switched off'}: ${effect.text}.`;
    } else told.textContent = '';
    sentences.push(`${text}. ${spread}`);
  });
  legend(scale, common);
  picker.setAttribute('aria-valuemin', 1);
  picker.setAttribute('aria-valuemax', keys());
  picker.setAttribute('aria-valuenow', query.row * shown.columns + query.column + 1);
  picker.setAttribute('aria-valuetext', position);
  clearTimeout(timers.spoken); // while the position is dragged there is too much to say
  timers.spoken = setTimeout(() => { spoken.textContent = sentences.join(' '); }, 150);
}

function summary(frame, index, map) {
  const most = map.reduce((best, weight, key) => (weight > map[best] ? key : best), 0);
  // Two bytes above an even share, 9 %: the first of equals would be no finding.
  const flat = map[most] <= 2 ** (2.001 / props.steps) / keys();
  mark(frame, 'most', flat ? null : { row: Math.floor(most / shown.columns), column: most % shown.columns });
  const text = flat
    ? `${named(index)}: about an even share from everywhere`
    : `${named(index)}: most from ${place(most)}: ${amount(map[most])}`;
  frame.nextElementSibling.querySelector('.ap-told').textContent = `${text}.`;
  return text;
}

function legend(scale, [low, high]) {
  const words = {
    even: [`1/${props.times} of that or less`, `an even share, 1/${keys()} = ${share(1 / keys())}`, `${props.times} times or more`],
    shown: [share(low), 'in all maps here', share(high)],
    own: ['lowest', 'of each map', 'highest'],
  }[scale];
  ticks.forEach((tick, i) => { tick.textContent = words[i]; });
}

// Under the mouse: the same place in every frame, and how much each head took from there.
function look(index, spot) {
  if (!shown) return;
  if (!spot) { frames().forEach((frame) => mark(frame, 'key', null)); return draw(); }
  const all = maps();
  const key = spot.row * shown.columns + spot.column;
  frames().forEach((frame, other) => {
    mark(frame, 'key', other === index ? null : spot);
    if (other) frame.nextElementSibling.querySelector('.ap-told').textContent = `${named(other)}: from ${place(key)}: ${amount(all[other - 1][key])}.`;
  });
}

function choose(spot) {
  if (!shown || (spot.row === query.row && spot.column === query.column)) return;
  query = spot;
  draw();
  happened('attention', spot);
}

picker.addEventListener('keydown', (event) => {
  const next = stepped(event, query, shown.rows, shown.columns);
  if (!next) return;
  event.preventDefault();
  choose(next);
});
box.querySelector('fieldset').addEventListener('change', draw);
twinSwitch.addEventListener('change', () => {
  if (twinSwitch.checked && !twin) askTwin();
  draw();
});

take();
watch('value', take);
