// All positions are here, so dragging draws at once, without asking the server.
const box = element.querySelector('.ef');
const find = (name) => box.querySelector(`.ef-${name}`);
const slider = box.querySelector('input');
const chooser = box.querySelector('select');
const chart = find('chart');
const THUMB = 18; // its middle reaches to half of this from either end
const HEIGHT = 150;
const measure = find('measure');
let shown = null;
let quiet = 0; // a timer: no word of progress for long

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};

chooser.append(...props.names.map((name, k) => make('option', { value: k }, name)));
const rows = props.names.map((name) => {
  const track = make('div', {}, make('i'), make('b', { title: 'what the network chose' }));
  const row = make('tr', {}, make('th', { scope: 'row' }, name), make('td', { className: 'ef-track' }, track), make('td', { className: 'ef-number' }));
  track.parentElement.setAttribute('aria-hidden', 'true');
  find('bars').tBodies[0].append(row);
  return row;
});

function take() {
  const value = props.value;
  if (value?.of !== undefined) {
    if (shown?.key !== value.of) return; // of a model that was shown before
    if (value.tested) shown.tested = value.tested;
    progress(value);
    return draw();
  }
  box.hidden = !value;
  if (value && value.mark !== shown?.mark) { // another picture or model begins with what the network chose
    slider.value = props.middle;
    chooser.value = value.answer;
  }
  if (value?.key !== shown?.key) progress(null);
  shown = value ? { ...value } : null;
  draw();
}

function progress(value) {
  clearTimeout(quiet);
  const [button, bar, words] = measure.children;
  button.hidden = Boolean(value);
  bar.hidden = !value;
  bar.value = value ? value.done / value.total : 0;
  words.textContent = value ? `${value.done} of ${value.total} test pictures` : '';
  if (value) quiet = setTimeout(() => progress(null), 60000);
}

function draw() {
  const value = shown;
  if (!value) return;
  const at = Number(slider.value);
  const best = value.widths[at].indexOf(Math.max(...value.widths[at]));
  const own = at === props.middle;
  rows.forEach((row, k) => {
    row.classList.toggle('ef-best', k === best);
    row.querySelector('i').style.width = `${value.widths[at][k]}%`;
    row.querySelector('b').style.left = `${value.widths[props.middle][k]}%`;
    row.lastChild.textContent = value.texts[at][k];
  });
  const [one, two] = value.gates[at];
  const said = `${props.names[best]} ${value.texts[at][best]}`;
  const before = props.names[value.answer];
  const turn = own ? '' : best === value.answer ? ` The answer stays ${before}.` : ` The answer turns from ${before} to ${props.names[best]}.`;
  const words = `Expert 1 ${one}, expert 2 ${two}: ${said}.${turn}`;
  slider.setAttribute('aria-valuetext', own ? `What the network chose. ${words}` : words);
  find('told').textContent = words.replaceAll(' %', '\u00a0%');
  find('back').disabled = own;
  find('tested').hidden = !value.tested;
  find('untested').hidden = Boolean(value.tested);
  measure.hidden = !value.measurable;
  if (value.tested) line(at);
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Under the slider, each position under its own.
function line(at) {
  const { all, by_class: byClass, pictures } = shown.tested;
  const chosen = Number(chooser.value);
  const curve = byClass[chosen];
  const share = (values) => `${values[at].toFixed(1)} %`;
  find('right').textContent = `Here ${share(all)} of the ${pictures} test pictures are answered right${curve ? `; of the ${props.plurals[chosen]}, ${share(curve)}` : ''}.`.replaceAll(' %', '\u00a0%');
  const width = chart.clientWidth;
  if (!width) return; // in a tab that is not shown; the observer draws when it is
  const last = all.length - 1;
  const low = Math.floor(Math.min(...all, ...(curve ?? [])) / 10) * 10;
  const x = (position) => THUMB / 2 + (position / last) * (width - THUMB);
  const y = (value) => 8 + ((100 - value) / (100 - low)) * (HEIGHT - 16);
  const step = 100 - low > 50 ? 20 : 10;
  const [parts, labels] = [[], []];
  for (let value = 100; value >= low; value -= step) {
    parts.push(svg('line', { class: 'ef-grid', x1: 0, x2: width, y1: y(value), y2: y(value) }));
    labels.push(svg('text', { x: 0, y: y(value) + (value === 100 ? 12 : -3) }, `${value} %`));
  }
  const draw = (values, kind) => {
    parts.push(svg('polyline', { class: `ef-line ef-${kind}`, points: values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ') }));
    parts.push(svg('circle', { class: `ef-dot ef-${kind}`, cx: x(at), cy: y(values[at]), r: 4.5 }));
  };
  parts.push(svg('line', { class: 'ef-at', x1: x(at), x2: x(at), y1: 0, y2: HEIGHT }));
  if (curve) draw(curve, 'one');
  draw(all, 'all');
  chart.replaceChildren(svg('svg', { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' }, ...parts, ...labels));
  const ends = (values) => `${values[0].toFixed(1)} % with expert 1 only, ${values[props.middle].toFixed(1)} % as the network chose, ${values[last].toFixed(1)} % with expert 2 only`;
  chart.setAttribute('aria-label', `Test pictures answered right: ${ends(all)}.${curve ? ` Of the ${props.plurals[chosen]}: ${ends(curve)}.` : ''}`);
}

measure.querySelector('button').addEventListener('click', () => {
  progress({ done: 0, total: 10000 });
  trigger('measure', { key: shown.key });
});
slider.addEventListener('input', () => {
  draw();
  happened('fade', { at: Number(slider.value) });
});
chooser.addEventListener('change', draw);
find('back').addEventListener('click', () => {
  slider.value = props.middle;
  draw();
  slider.focus(); // the button is no longer to be pressed
});
new ResizeObserver(draw).observe(chart);
take();
watch('value', take);
