// The figures take a while, so they are asked for when the panel comes near the screen, and drawn only while they are those of
// the picture that is shown.
const box = element.querySelector('.hp');
const find = (name) => box.querySelector(`.hp-${name}`);
const chart = find('chart');
const STYLES = ['attention', 'random', 'moved'];
const DASHES = ['', '7 4', '2 3'];
const TRIES = 2;
let awaited = null; // what is shown, and is to be asked about
let found = null; // the answer to that
let near = false;
let timer = 0;
let tries = 0;

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const percent = (value) => `${value.toFixed(1)} %`;

function take() {
  const value = props.value;
  if (value?.of) {
    if (awaited?.mark !== value.of) return; // of a picture that was shown before
    clearTimeout(timer);
    found = value;
    return draw();
  }
  box.hidden = !value;
  if (value && value.mark === awaited?.mark) return; // the same picture, answered again
  [awaited, found, tries] = [value || null, null, 0];
  if (!value) return;
  picture();
  draw();
  ask();
}

function ask() {
  clearTimeout(timer);
  if (!awaited || found || !near) return;
  if (tries >= TRIES) return draw();
  // Not at once: the square may still be moving. And once more when no answer comes at all.
  timer = setTimeout(() => {
    tries += 1;
    trigger('look', { key: awaited.key, pixels: awaited.pixels });
    timer = setTimeout(ask, 30000);
  }, 350);
}

function picture() {
  const pixels = bytes(awaited.pixels);
  const side = Math.sqrt(pixels.length / 3);
  const canvas = find('picture').querySelector('canvas');
  [canvas.width, canvas.height] = [side, side];
  const context = canvas.getContext('2d');
  const image = context.createImageData(side, side);
  for (let i = 0; i < side * side; i++) image.data.set([pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2], 255], 4 * i);
  context.putImageData(image, 0, 0);
}

function draw() {
  box.classList.toggle('hp-waits', !found);
  const status = find('status');
  status.hidden = Boolean(found);
  status.textContent = found ? '' : tries >= TRIES ? 'This could not be measured just now.' : 'Hiding parts of the picture, and asking again each time …';
  patches();
  line();
  find('verdict').replaceChildren(...(found?.deletion_words ?? []).map((text) => make('span', {}, text)));
  numbers();
}

function patches() {
  const side = Math.sqrt(bytes(awaited.pixels).length / 3) / props.patch;
  const cells = found?.cells ?? Array.from({ length: side }, () => Array.from({ length: side }, () => ({ text: '', tone: 'none', level: 0, words: '' })));
  find('patches').querySelector('tbody').replaceChildren(...cells.map((row, i) => make('tr', {}, ...row.map((cell, j) => {
    const made = make('td', { className: `hp-${cell.tone}` }, cell.text);
    made.style.setProperty('--level', cell.level);
    Object.assign(made.dataset, { row: i, column: j });
    return made;
  }))));
  const sign = find('picture').querySelector('i');
  sign.hidden = !found;
  if (found) frame(sign, ...found.strongest, cells.length);
  find('found').textContent = (found?.occlusion_words ?? '').replaceAll(' %', '\u00a0%');
  find('under').textContent = '';
}

function frame(sign, row, column, side) {
  Object.assign(sign.style, { top: `${(100 * row) / side}%`, left: `${(100 * column) / side}%`, width: `${100 / side}%`, height: `${100 / side}%` });
}

// Under the mouse or a finger: one patch, in the picture too.
function look(cell) {
  if (!found) return;
  const [row, column] = cell ? [Number(cell.dataset.row), Number(cell.dataset.column)] : found.strongest;
  frame(find('picture').querySelector('i'), row, column, found.cells.length);
  const words = cell ? found.cells[row][column].words : '';
  find('under').textContent = words && `${words[0].toUpperCase()}${words.slice(1)}.`;
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function line() {
  const width = chart.clientWidth;
  if (!width) return; // in a tab that is not shown; the observer draws when it is
  const height = 240;
  const [left, right, top, bottom] = [44, width - 12, 10, height - 40];
  const x = (fraction) => left + fraction * (right - left);
  const y = (value) => bottom - (value / 100) * (bottom - top);
  const parts = [];
  for (const value of [0, 25, 50, 75, 100]) {
    parts.push(svg('line', { class: 'hp-grid', x1: left, x2: right, y1: y(value), y2: y(value) }));
    if (value % 50 === 0) parts.push(svg('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, `${value} %`));
    parts.push(svg('text', { x: x(value / 100), y: bottom + 16, 'text-anchor': value === 100 ? 'end' : 'middle' }, `${value} %`));
  }
  parts.push(svg('text', { x: (left + right) / 2, y: height - 6, 'text-anchor': 'middle' }, 'of the picture hidden'));
  const path = (values) => values.map((value, i) => `${x(found.hidden[i]).toFixed(1)},${y(value).toFixed(1)}`);
  (found?.curves ?? []).map((curve, i) => [curve, i]).reverse().forEach(([curve, i]) => {
    const band = [...path(curve.high), ...path(curve.low).reverse()].join(' ');
    if (i) parts.push(svg('polygon', { class: `hp-band hp-${STYLES[i]}`, points: band }));
    parts.push(svg('polyline', { class: `hp-line hp-${STYLES[i]}`, 'stroke-dasharray': DASHES[i], points: path(curve.mean).join(' ') }));
  });
  chart.replaceChildren(svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' }, ...parts));
  chart.setAttribute('aria-label', found ? `Probability of ${found.answer} while more of the picture is hidden. ${found.deletion_words.join(' ')}` : '');
  find('lines').replaceChildren(...(found?.curves ?? []).map((curve, i) => {
    const sample = svg('svg', { width: 34, height: 10, 'aria-hidden': 'true' },
      ...(i ? [svg('rect', { class: `hp-band hp-${STYLES[i]}`, width: 34, height: 10 })] : []),
      svg('line', { class: `hp-line hp-${STYLES[i]}`, 'stroke-dasharray': DASHES[i], x1: 0, x2: 34, y1: 5, y2: 5 }));
    return make('span', { className: 'hp-key' }, sample, i ? `${curve.name} first (the band: lowest to highest draw)` : `${curve.name}: probability of ${found.answer}`);
  }));
}

function numbers() {
  const table = find('numbers');
  table.tHead.replaceChildren(make('tr', {}, make('th', { scope: 'col' }, 'hidden'),
    ...(found?.curves ?? []).map((curve) => make('th', { scope: 'col' }, curve.name))));
  table.tBodies[0].replaceChildren(...(found?.hidden ?? []).map((fraction, i) => make('tr', {},
    make('th', { scope: 'row' }, percent(100 * fraction)),
    ...found.curves.map((curve, k) => make('td', {}, percent(curve.mean[i]), ...(k ? [make('small', {}, `${curve.low[i].toFixed(0)} to ${curve.high[i].toFixed(0)}`)] : []))))));
}

const map = find('patches').querySelector('table');
map.addEventListener('pointerover', (event) => look(event.target.closest('td')));
map.addEventListener('pointerleave', () => look(null));
new IntersectionObserver((entries) => {
  near = entries.at(-1).isIntersecting;
  ask();
}, { rootMargin: '200px' }).observe(element);
new ResizeObserver(() => awaited && line()).observe(chart);
take();
watch('value', take);
