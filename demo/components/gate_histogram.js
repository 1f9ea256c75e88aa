const box = element.querySelector('.gh');
const find = (name) => box.querySelector(`.gh-${name}`);
const chart = find('chart');
const HEIGHT = 150;
let only = null; // the class that is looked at alone

function svg(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function take() {
  const value = props.value;
  box.hidden = !value;
  if (!value) return;
  find('words').textContent = value.words.replaceAll(' %', '\u00a0%');
  find('quiet').textContent = value.information;
  const held = document.activeElement?.dataset.of;
  find('classes').replaceChildren(...value.order.map((k) => {
    const made = Object.assign(document.createElement('button'), { type: 'button' });
    const sample = document.createElement('i');
    sample.style.background = props.colours[k];
    made.append(sample, `${props.names[k]} ${value.means[k]}`);
    made.title = 'mean weight of expert 2';
    made.dataset.of = k;
    made.onclick = () => { only = only === k ? null : k; draw(); };
    return made;
  }));
  if (held !== undefined) find('classes').querySelector(`[data-of="${Number(held)}"]`)?.focus();
  draw();
}

function draw() {
  const value = props.value;
  const width = chart.clientWidth;
  if (!value || !width) return; // in a tab that is not shown; the observer draws when it is
  const bins = value.counts[0].length;
  const totals = Array.from({ length: bins }, (_, bin) => value.counts.reduce((sum, counts) => sum + counts[bin], 0));
  const most = Math.max(1, ...totals);
  const drawing = svg('svg', { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, 'aria-hidden': 'true' });
  for (let bin = 0; bin < bins; bin++) {
    let top = HEIGHT;
    // The class that is looked at stands on the ground, so that its shape can be read.
    for (const k of only === null ? value.order : [only, ...value.order.filter((other) => other !== only)]) {
      const height = (value.counts[k][bin] / most) * (HEIGHT - 12);
      top -= height;
      if (!height) continue;
      drawing.append(svg('rect', {
        class: only === null || only === k ? 'gh-full' : 'gh-grey', fill: props.colours[k],
        x: (bin / bins) * width + 0.5, y: top, width: width / bins - 1, height,
      }));
    }
  }
  const x = (value.at / 100) * width;
  drawing.append(svg('line', { class: 'gh-at', x1: x, x2: x, y1: 0, y2: HEIGHT }));
  drawing.append(svg('path', { class: 'gh-tip', d: `M${x - 6} 0H${x + 6}L${x} 9Z` }));
  chart.replaceChildren(drawing);
  chart.setAttribute('aria-label', `Histogram of the gates of all test pictures, coloured by class. ${value.words}`);
  for (const made of find('classes').children) made.setAttribute('aria-pressed', Number(made.dataset.of) === only);
  tell(null);
}

// What a column holds; or what the class that is looked at has.
function tell(bin) {
  const value = props.value;
  const told = find('told');
  if (bin === null) {
    told.textContent = only === null
      ? 'Each class has its colour; the line is this picture. Classes by mean weight of expert 2:'
      : `In colour: ${props.names[only]}. Mean weight of expert 2: ${value.means[only]}. The line is this picture.`;
    return;
  }
  const bins = value.counts[0].length;
  const held = value.counts.map((counts, k) => [counts[bin], props.names[k]]).filter(([count]) => count);
  held.sort((a, b) => b[0] - a[0]);
  const all = held.reduce((sum, [count]) => sum + count, 0);
  const range = `expert 2 from ${Math.round((100 * bin) / bins)} to ${Math.round((100 * (bin + 1)) / bins)} %`;
  told.textContent = `With ${range}: ${all} pictures${held.length ? `, ${held.slice(0, 4).map(([count, name]) => `${count} ${name}`).join(', ')}` : ''}${held.length > 4 ? ' …' : ''}`;
}

chart.addEventListener('pointermove', (event) => {
  if (!props.value) return;
  const area = chart.getBoundingClientRect();
  const bins = props.value.counts[0].length;
  tell(Math.min(bins - 1, Math.max(0, Math.floor(((event.clientX - area.left) / area.width) * bins))));
});
chart.addEventListener('pointerleave', () => props.value && tell(null));
new ResizeObserver(draw).observe(chart);
take();
watch('value', take);
