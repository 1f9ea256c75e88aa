// Another copy of the library may replace the global one later.
const plotly = window.Plotly;
const place = element.querySelector('.pf-plot');
const config = { displaylogo: false, modeBarButtons: [['toImage', 'resetScale2d']] };
// A finger that drags over the figure scrolls the page; a mouse zooms.
const touched = window.matchMedia('(pointer: coarse)').matches;
const roles = { accent: '--dc-blue', other: '--dc-orange', text: '--body-text-color', quiet: '--body-text-color-subdued' };
let drawn = '';

// The figure in the page's colours and the size of its place.
function dressed({ data, layout }) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  const grey = { gridcolor: colour('--border-color-primary'), zerolinecolor: colour('--border-color-primary') };
  const axis = (name) => ({ automargin: true, fixedrange: touched, ...layout[name], ...grey, tickfont: { color: colour('--body-text-color-subdued') } });
  return {
    data: data.map((trace) => {
      const ink = { color: colour(roles[trace.meta] ?? roles.text) };
      return { ...trace, line: { ...trace.line, ...ink }, marker: { ...trace.marker, ...ink } };
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
      yaxis: axis('yaxis'),
      shapes: (layout.shapes ?? []).map((shape) => ({ ...shape, line: { ...shape.line, color: colour('--body-text-color-subdued') } })),
    },
  };
}

function draw() {
  if (!props.value || !place.clientWidth) return; // In a tab that is not shown; the observer draws when it is.
  const figure = dressed(JSON.parse(JSON.stringify(props.value)));
  const now = JSON.stringify(figure);
  if (now === drawn) return;
  drawn = now;
  place.setAttribute('aria-label', figure.layout.meta ?? '');
  plotly.react(place, figure.data, figure.layout, config);
  const points = Object.fromEntries(figure.data.map((trace) => [trace.name, (trace.x ?? []).length]));
  happened('curve', { figure: element.closest('[id^="dc-"]')?.id, run: figure.layout.uirevision ?? '', points });
}

draw();
watch('value', draw);
new ResizeObserver(draw).observe(place);
// The theme is a class of the body.
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ['class'] });
