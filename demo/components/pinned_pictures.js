// All moments are here, so moving through them asks nobody. Every word is only ever set as text.
const box = element.querySelector('.pp');
const find = (name) => box.querySelector(`.pp-${name}`);
const [strip, slider, play, attention] = ['strip', 'slider', 'play', 'switch'].map(find);
const palette = props.palette.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
const calm = window.matchMedia('(prefers-reduced-motion: reduce)');
const SIDE = 32;
const MAP = 256; // letters of a map
let pictures = { run: null, pixels: null };
let asked = null; // the run whose pictures were asked for
let shown = null;
let [at, chosen, playing, speaking] = [0, 0, 0, 0];
let tiles = [];
let linked = window.dcAddress.linked('moment');
find('legend').querySelector('i').style.background = `linear-gradient(to right, ${props.palette.join(',')})`;

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};
const percent = (thousandths) => (thousandths > 0 && thousandths < 10 ? '< 1 %' : `${Math.round(thousandths / 10)} %`).replace(' ', '\u00a0');

function take(value) {
  box.hidden = !value;
  stop();
  if (!value?.run) {
    shown = null;
    cursor(null);
    if (value) find('note').textContent = value.note;
    find('body').hidden = true;
    return;
  }
  if (value.pictures) pictures = { run: value.run, pixels: Uint8Array.from(atob(value.pictures), (letter) => letter.charCodeAt(0)) };
  if (pictures.run !== value.run) { // a value without pictures, of a run that this page has none of
    box.hidden = true;
    if (asked !== value.run) trigger('missing', {});
    asked = value.run;
    return;
  }
  const fresh = shown?.run !== value.run || shown.done !== value.done;
  shown = value;
  if (fresh) begin();
  else draw();
}

function begin() {
  find('body').hidden = false;
  find('note').textContent = shown.words;
  for (const name of ['moments', 'detail']) find(name).hidden = !shown.done;
  find('moments').hidden = !shown.done || shown.moments.length < 2;
  const last = shown.moments.length - 1;
  at = shown.done && linked && shown.moments[Number(linked)] ? Number(linked) : last;
  linked = '';
  chosen = Math.min(chosen, shown.labels.length - 1);
  slider.max = last;
  slider.value = at;
  tiles = shown.labels.map((label, index) => {
    const tile = make(shown.done ? 'button' : 'div', { className: 'pp-tile' });
    const canvas = make('canvas');
    paint(canvas, SIDE, SIDE, (i) => pixel(index, i));
    tile.append(make('span', { className: 'pp-frame' }, canvas, make('canvas', { className: 'pp-over' })));
    tile.append(make('span', { className: 'pp-true' }, props.names[label]), make('span', { className: 'pp-said' }), make('span', { className: 'pp-gates' }));
    if (!shown.done) return tile;
    tile.type = 'button';
    tile.onclick = () => { chosen = index; draw(); };
    return tile;
  });
  strip.replaceChildren(...tiles);
  draw();
  if (!shown.done) cursor(null);
  happened('moment', { at: shown.done && at < last ? String(at) : '' });
}

const pixel = (picture, i) => pictures.pixels.subarray(3 * (picture * SIDE * SIDE + i), 3 * (picture * SIDE * SIDE + i) + 3);

function paint(canvas, width, height, colourOf) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set(colourOf(i), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// How many times an even share each position gave, of one head.
function map(moment, picture, head) {
  const start = (picture * moment.heads + head) * MAP;
  return Float64Array.from({ length: MAP }, (_, i) => 2 ** ((moment.maps.charCodeAt(start + i) - props.letter - props.even) / props.steps));
}

function mean(moment, picture) {
  const maps = Array.from({ length: moment.heads }, (_, head) => map(moment, picture, head));
  return maps[0].map((_, i) => maps.reduce((sum, one) => sum + one[i], 0) / maps.length);
}

function paintMap(canvas, shares, [rows, columns]) {
  paint(canvas, columns, rows, (i) => {
    const level = Math.min(1, Math.max(0, 0.5 + Math.log2(shares[i]) / Math.log2(props.reach) / 2)) * (palette.length - 1);
    const below = Math.min(Math.floor(level), palette.length - 2);
    return palette[below].map((value, k) => value + (palette[below + 1][k] - value) * (level - below));
  });
}

const answer = (moment, picture) => moment.said[picture].reduce((best, p, k, all) => (p > all[best] ? k : best), 0);

// What was said of a picture, in words: 'cat 41 %, right'.
function told(moment, picture) {
  const best = answer(moment, picture);
  return `${props.names[best]} ${percent(moment.said[picture][best])}, ${best === shown.labels[picture] ? 'right' : 'wrong'}`;
}

function draw() {
  const moment = shown.moments[at];
  if (!moment) return;
  tiles.forEach((tile, picture) => {
    const [best, real] = [answer(moment, picture), shown.labels[picture]];
    const said = tile.querySelector('.pp-said');
    said.textContent = `${best === real ? '✓' : '✗'} ${props.names[best]} ${percent(moment.said[picture][best])}`;
    said.dataset.right = best === real;
    gates(tile.querySelector('.pp-gates'), moment.gates[picture]);
    const over = tile.querySelector('.pp-over');
    over.hidden = !attention.checked;
    if (attention.checked) paintMap(over, mean(moment, picture), moment.grid);
    tile.setAttribute('aria-label', `${props.names[real]}: ${told(moment, picture)}. ${weights(moment.gates[picture])}.`);
    if (shown.done) tile.setAttribute('aria-pressed', picture === chosen);
    else tile.setAttribute('role', 'img');
  });
  find('legend').hidden = !shown.done && !attention.checked;
  if (shown.done) detail(moment);
}

const weights = (shares) => shares.map((share, k) => `Expert ${k + 1}: ${percent(share)}`).join(', ');

function gates(place, shares) {
  place.title = weights(shares);
  place.replaceChildren(...shares.map((share, k) => {
    const part = make('i', { textContent: share >= 150 ? k + 1 : '' });
    Object.assign(part.style, { width: `${share / 10}%`, background: props.experts[k % props.experts.length] });
    return part;
  }));
}

function detail(moment) {
  const [real, said] = [shown.labels[chosen], moment.said[chosen]];
  const best = answer(moment, chosen);
  const picture = make('canvas');
  paint(picture, SIDE, SIDE, (i) => pixel(chosen, i));
  const figures = [make('figure', {}, picture, make('figcaption', {}, `${props.names[real]}, really`))];
  for (let head = 0; head < moment.heads; head++) {
    const canvas = make('canvas');
    paintMap(canvas, map(moment, chosen, head), moment.grid);
    figures.push(make('figure', {}, canvas, make('figcaption', {}, moment.heads > 1 ? `Head ${head + 1}` : 'Attention')));
  }
  const bar = make('span', { className: 'pp-gates' });
  gates(bar, moment.gates[chosen]);
  find('maps').replaceChildren(...figures, make('p', { className: 'pp-experts' }, weights(moment.gates[chosen]), bar));
  find('bars').setAttribute('aria-label', `What was said of the ${props.names[real]} ${moment.when}`);
  find('bars').tBodies[0].replaceChildren(...said.map((p, k) => {
    const sign = k === real ? ' ✓' : k === best ? ' ✗' : '';
    const row = make('tr', {}, make('th', { scope: 'row' }, props.names[k] + sign), make('td', { className: 'pp-bar' }, make('i')), make('td', {}, percent(p)));
    row.className = k === real ? 'pp-real' : k === best ? 'pp-best' : '';
    row.querySelector('i').style.width = `${p / 10}%`;
    return row;
  }));
  matrix(shown.looks[moment.look]);
  const right = tiles.filter((_, k) => answer(moment, k) === shown.labels[k]).length;
  const sentence = `${moment.when[0].toUpperCase()}${moment.when.slice(1)}: ${right} of ${tiles.length} right.`;
  find('when').textContent = sentence;
  slider.setAttribute('aria-valuetext', moment.when);
  cursor(moment);
  clearTimeout(speaking); // while the slider is dragged there is too much to say
  speaking = setTimeout(() => {
    find('spoken').textContent = `${sentence} The ${props.names[real]}: ${told(moment, chosen)}.`;
    happened('moment', { at: at < shown?.moments.length - 1 ? String(at) : '' });
  }, 250);
}

function matrix(look) {
  find('matrix').hidden = !look;
  if (!look) return;
  const table = find('matrix').querySelector('table');
  find('matrix').querySelector('figcaption').textContent = `${look.words} Rows: what they really are. Columns: what the model said. Diagonal, blue: right; orange: wrong.`;
  const head = make('tr', {}, make('td'), ...props.names.map((name) => make('th', { scope: 'col', title: name }, name.slice(0, 2))));
  table.replaceChildren(head, ...look.counts.map((row, i) => {
    const all = Math.max(1, row.reduce((sum, count) => sum + count, 0));
    return make('tr', {}, make('th', { scope: 'row' }, props.names[i]), ...row.map((count, j) => {
      const cell = make('td', { textContent: count || '', title: `${count} of ${all} ${props.names[i]} called ${props.names[j]}` });
      cell.className = i === j ? 'pp-hit' : 'pp-miss';
      cell.style.setProperty('--level', count ? Math.sqrt(count / all) : 0);
      return cell;
    }));
  }));
}

// A line in each curve of the run, at this moment; null takes it away.
let place = null;
function cursor(moment) {
  place = moment;
  for (const plot of element.closest('#dc-train')?.querySelectorAll('.js-plotly-plot') ?? []) {
    if (!plot.dataset.cursor) plot.on?.('plotly_afterplot', () => line(plot)); // drawn anew, it has lost its line
    plot.dataset.cursor = 'followed';
    line(plot);
  }
}

// Laid over the figure: a shape of its own would draw all of it anew at each move.
function line(plot) {
  const { xaxis, yaxis } = plot._fullLayout ?? {};
  const x = /^epoch/i.test(xaxis?.title?.text ?? '') ? place?.epoch : place?.seconds;
  const left = x === undefined || !xaxis ? NaN : xaxis.d2p(x);
  let sign = plot.querySelector('.pp-cursor');
  if (!(left >= -1 && left <= xaxis?._length + 1)) return sign?.remove(); // outside of what is zoomed to
  if (!sign) plot.querySelector('.svg-container').append(sign = make('i', { className: 'pp-cursor' }));
  sign.dataset.at = x;
  sign.style.cssText = `position:absolute;width:2px;background:${getComputedStyle(element).color};pointer-events:none;`
    + `left:${xaxis._offset + left - 1}px;top:${yaxis._offset}px;height:${yaxis._length}px`;
}

function moveTo(index) {
  at = Math.min(shown.moments.length - 1, Math.max(0, index));
  slider.value = at;
  draw();
}

function stop() {
  clearInterval(playing);
  playing = 0;
  play.textContent = '▶ Play';
  play.setAttribute('aria-pressed', false);
}

play.addEventListener('click', () => {
  if (playing) return stop();
  play.textContent = '❚❚ Pause';
  play.setAttribute('aria-pressed', true);
  moveTo(at === shown.moments.length - 1 ? 0 : at);
  // Who wants less motion gets a slow row of stills.
  playing = setInterval(() => (at < shown.moments.length - 1 ? moveTo(at + 1) : stop()), calm.matches ? 2000 : 700);
});
slider.addEventListener('input', () => { stop(); moveTo(Number(slider.value)); });
attention.addEventListener('change', () => shown && draw());
take(props.value);
watch('value', () => take(props.value));
element.dataset.fed = '';
element.addEventListener('fed', ({ detail }) => take(detail));
