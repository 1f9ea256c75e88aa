// All weights are here, so choosing a position draws at once, without asking the server.
const box = element.querySelector('.ap');
const figures = box.querySelector('.ap-figures');
const picker = box.querySelector('.ap-frame');
const spoken = box.querySelector('.ap-spoken');
const colours = colourTable();
let shown = null; // rows, columns, heads, weights (bytes), frames (the picture's, then one a head)
let query = { row: 8, column: 8 };

box.querySelector('.ap-ramp').style.background = `linear-gradient(to right, ${props.palette.join(',')})`;

// The colour of each byte: an even share in the middle of the palette, props.reach bytes to either end.
function colourTable() {
  const stops = props.palette.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, byte) => {
    const level = Math.min(1, Math.max(0, (byte - props.even) / (2 * props.reach) + 0.5)) * (stops.length - 1);
    const below = Math.min(Math.floor(level), stops.length - 2);
    return stops[below].map((value, k) => value + (stops[below + 1][k] - value) * (level - below));
  });
}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const place = (key) => `row ${Math.floor(key / shown.columns) + 1}, column ${(key % shown.columns) + 1}`;

// 134 -> "0.5 %, 1.3 times an even share"
function amount(byte) {
  const times = 2 ** ((byte - props.even) / props.steps);
  const percent = (100 * times) / (shown.rows * shown.columns);
  const text = percent >= 9.95 ? percent.toFixed(0) : percent.toPrecision(2);
  const sign = byte === 255 ? '> ' : byte === 0 ? '< ' : '';
  return `${sign}${text} %, ${times >= 9.95 ? times.toFixed(0) : times.toPrecision(2)} times an even share`;
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

function load() {
  const value = props.value;
  box.hidden = !value;
  if (!value) return;
  if (!shown || shown.heads !== value.heads) makeFrames(value.heads);
  shown = { ...value, weights: bytes(value.attention), frames: [...figures.querySelectorAll('.ap-frame')] };
  query = { row: Math.min(query.row, value.rows - 1), column: Math.min(query.column, value.columns - 1) };
  const pixels = bytes(value.pixels);
  paint(picker.querySelector('canvas'), value.side, value.side, (i) => pixels.subarray(3 * i, 3 * i + 3));
  draw();
}

function makeFrames(heads) {
  while (figures.children.length > 1) figures.lastElementChild.remove();
  for (let head = 0; head < heads; head++) {
    const figure = document.createElement('figure');
    figure.innerHTML = '<div class="ap-frame"><canvas></canvas></div><figcaption></figcaption>';
    figures.append(figure);
  }
  for (const [index, frame] of figures.querySelectorAll('.ap-frame').entries()) {
    for (const kind of ['query', 'most', 'key']) {
      if (!frame.querySelector(`.ap-${kind}`)) frame.append(Object.assign(document.createElement('i'), { className: `ap-${kind}`, hidden: true }));
    }
    frame.onclick = (event) => choose(at(frame, event));
    frame.onpointermove = (event) => event.pointerType === 'mouse' && look(index, at(frame, event));
    frame.onpointerleave = () => look(index, null);
  }
}

function at(frame, event) {
  const area = frame.getBoundingClientRect();
  const part = (offset, length, count) => Math.min(count - 1, Math.max(0, Math.floor((offset / length) * count)));
  return {
    row: part(event.clientY - area.top, area.height, shown.rows),
    column: part(event.clientX - area.left, area.width, shown.columns),
  };
}

function mark(frame, kind, row, column) {
  const sign = frame.querySelector(`.ap-${kind}`);
  sign.hidden = row === undefined;
  if (sign.hidden) return;
  Object.assign(sign.style, {
    left: `${(100 * column) / shown.columns}%`, top: `${(100 * row) / shown.rows}%`,
    width: `${100 / shown.columns}%`, height: `${100 / shown.rows}%`,
  });
}

// The weights of one head for the chosen position.
function map(head) {
  const keys = shown.rows * shown.columns;
  const start = (head * keys + query.row * shown.columns + query.column) * keys;
  return shown.weights.subarray(start, start + keys);
}

function draw() {
  Object.assign(box.dataset, query); // for those who ask which position is chosen
  const position = `row ${query.row + 1}, column ${query.column + 1}`;
  const sentences = [`Position in ${position}.`];
  figures.querySelector('figcaption').textContent = `the picture, ${position}`;
  shown.frames.forEach((frame, index) => {
    mark(frame, 'query', query.row, query.column);
    if (index === 0) return;
    const weights = map(index - 1);
    paint(frame.querySelector('canvas'), shown.columns, shown.rows, (i) => colours[weights[i]]);
    const most = weights.reduce((best, byte, key) => (byte > weights[best] ? key : best), 0);
    // Two bytes above an even share, 9 %: the first of equals would be no finding.
    const flat = weights[most] <= props.even + 2;
    if (flat) mark(frame, 'most');
    else mark(frame, 'most', Math.floor(most / shown.columns), most % shown.columns);
    const text = flat
      ? `Head ${index}: about an even share from everywhere`
      : `Head ${index}: most from ${place(most)}: ${amount(weights[most])}`;
    frame.nextElementSibling.textContent = text;
    sentences.push(`${text}.`);
  });
  picker.setAttribute('aria-valuemin', 1);
  picker.setAttribute('aria-valuemax', shown.rows * shown.columns);
  picker.setAttribute('aria-valuenow', query.row * shown.columns + query.column + 1);
  picker.setAttribute('aria-valuetext', position);
  spoken.textContent = sentences.join(' ');
}

// Under the mouse: the same place in every frame, and how much each head took from there.
function look(index, spot) {
  if (!spot) { shown.frames.forEach((frame) => mark(frame, 'key')); return draw(); }
  const key = spot.row * shown.columns + spot.column;
  shown.frames.forEach((frame, other) => {
    if (other !== index) mark(frame, 'key', spot.row, spot.column);
    else mark(frame, 'key');
    if (index && other) frame.nextElementSibling.textContent = `Head ${other}: from ${place(key)}: ${amount(map(other - 1)[key])}`;
  });
}

function choose(spot) {
  query = spot;
  draw();
}

picker.addEventListener('keydown', (event) => {
  const { row, column } = query;
  const spots = {
    ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
    Home: [row, 0], End: [row, shown.columns - 1], PageUp: [0, column], PageDown: [shown.rows - 1, column],
  };
  if (!(event.key in spots) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const within = (value, count) => Math.min(count - 1, Math.max(0, value));
  choose({ row: within(spots[event.key][0], shown.rows), column: within(spots[event.key][1], shown.columns) });
});

load();
watch('value', load);
