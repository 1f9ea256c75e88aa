// Another copy of the library may replace the global one later.
const plotly = window.Plotly;
const place = element.querySelector('.pf-plot');
const config = { displaylogo: false, modeBarButtons: [['toImage', 'resetScale2d']] };
// A finger that drags over the figure scrolls the page; a mouse zooms.
const touched = window.matchMedia('(pointer: coarse)').matches;
const roles = { accent: '--dc-blue', other: '--dc-orange', text: '--body-text-color', quiet: '--body-text-color-subdued' };
const [slider, switched] = ['input', 'button'].map((tag) => element.querySelector(`.pf-tools ${tag}`));
let log = false;
let drawn = '';
let whole = null; // the figure, with all that was added to it
// What a figure that grows takes of the machine, a run that trains misses: after a redraw it rests for 150 times as long,
// and is drawn with what comes next then, or a second later if nothing does: each picture of the page costs, too.
const [REST, MOST, LAST] = [150, 5000, 1000];
let [rested, due] = [0, 0];

function take(value) {
  if (!value?.growth) {
    whole = value ? JSON.parse(JSON.stringify(value)) : null;
    return;
  }
  const { key, start, count, points, layout } = value.growth;
  const same = whole?.layout.uirevision === key;
  if (same && whole.layout.datarevision >= count) return; // It came late, after a newer figure.
  if (!same || whole.layout.datarevision !== start) {
    trigger('lost', {});
    return;
  }
  points.forEach(({ x, y, text }, k) => {
    const trace = whole.data[k];
    if (trace.text) trace.text = [...(text ? trace.text.map(() => '') : trace.text), ...(text ?? x.map(() => ''))];
    trace.x = [...(trace.x ?? []), ...x];
    trace.y = [...(trace.y ?? []), ...y];
  });
  whole.layout.datarevision = count;
  if (layout.meta) whole.layout.meta = layout.meta;
  if (layout.range) whole.layout.xaxis.range = layout.range;
  if (layout.include) whole.layout.xaxis.autorangeoptions = { include: layout.include };
}

// The mean of what came so far, in which each point has so much of the past, without the pull of a first guess: that of
// `diclam.curves.smooth`. What is no number stays a gap.
function smooth(values, past) {
  let [mean, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    mean = past * mean + (1 - past) * value;
    weight = past * weight + 1 - past;
    return mean / weight;
  });
}

// The figure in the page's colours and the size of its place.
function dressed({ data, layout }) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  const grey = { gridcolor: colour('--border-color-primary'), zerolinecolor: colour('--border-color-primary') };
  const past = Number(slider?.value ?? 0);
  const training = data.find((trace) => trace.name === 'training');
  const changed = {
    smoothed: past ? { x: training?.x, y: smooth(training?.y ?? [], past) } : { visible: false },
    training: past ? {} : { opacity: 1 },
  };
  const axis = (name) => ({ fixedrange: touched, ...layout[name], ...grey, tickfont: { color: colour('--body-text-color-subdued') } });
  return {
    data: data.map((trace) => {
      const ink = { color: colour(roles[trace.meta] ?? roles.text) };
      return { ...trace, ...(slider ? changed[trace.name] : {}), line: { ...trace.line, ...ink }, marker: { ...trace.marker, ...ink } };
    }),
    layout: {
      ...layout,
      dragmode: touched ? false : 'zoom',
      width: place.clientWidth,
      height: place.clientHeight,
      legend: { bgcolor: 'rgba(0,0,0,0)', ...layout.legend },
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: style.fontFamily, size: 12, color: colour('--body-text-color') },
      hoverlabel: { bgcolor: colour('--background-fill-primary'), bordercolor: grey.gridcolor, font: { color: colour('--body-text-color') } },
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: colour('--body-text-color-subdued'), activecolor: colour('--body-text-color') },
      xaxis: axis('xaxis'),
      // A zoom is one of an axis of this kind.
      yaxis: { ...axis('yaxis'), ...(log ? { type: 'log', range: undefined, uirevision: `${layout.uirevision} log` } : {}) },
      shapes: (layout.shapes ?? []).map((shape) => ({ ...shape, line: { ...shape.line, color: colour('--body-text-color-subdued') } })),
    },
  };
}

function draw() {
  if (!whole || !place.clientWidth) return; // In a tab that is not shown; the observer draws when it is.
  if (slider) slider.nextElementSibling.value = Number(slider.value).toFixed(2);
  const figure = dressed(JSON.parse(JSON.stringify(whole)));
  const now = JSON.stringify(figure);
  if (now === drawn) return;
  drawn = now;
  const begun = performance.now();
  place.setAttribute('aria-label', figure.layout.meta ?? '');
  plotly.react(place, figure.data, figure.layout, config);
  const ended = performance.now();
  rested = ended + Math.min(REST * (ended - begun), MOST);
  const points = Object.fromEntries(figure.data.map((trace) => [trace.name, (trace.x ?? []).length]));
  const id = element.closest('[id^="dc-"]')?.id;
  happened('curve', { figure: id, run: figure.layout.uirevision ?? '', points, curves: figure.data.length });
}

function set({ on = log, past = slider.value }) {
  log = on;
  slider.value = past;
  switched.setAttribute('aria-pressed', log);
  draw();
}

// What a visitor has set stays as long as this browser tab.
const kept = () => `diclam-${element.closest('[id^="dc-"]')?.id}`;
function change(changes) {
  set(changes);
  try { sessionStorage.setItem(kept(), JSON.stringify({ on: log, past: slider.value })); } catch {} // Nothing is kept here.
}
if (slider) {
  try { set(JSON.parse(sessionStorage.getItem(kept())) ?? {}); } catch {}
  switched.addEventListener('click', () => change({ on: !log }));
  slider.addEventListener('input', () => change({}));
}

// Axes without a curve can wait for what comes first on a page that opens.
const later = window.requestIdleCallback ?? setTimeout;
function show(value) {
  take(value);
  clearTimeout(due);
  const rest = rested - performance.now();
  if (value?.growth && rest > 0) due = setTimeout(draw, rest + LAST);
  else if (value?.growth) draw();
  else if (drawn || whole?.data.some((trace) => trace.x?.length)) draw();
  else later(draw);
}

show(props.value);
watch('value', () => show(props.value));
element.dataset.fed = '';
element.addEventListener('fed', ({ detail }) => show(detail));
new ResizeObserver(draw).observe(place);
// The theme is a class of the body.
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ['class'] });
