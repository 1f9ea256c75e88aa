// Gradio's loading screen starts a clock that counts how long the page has been loading, and leaves it running when the page
// is there: for ever, a frame is drawn sixty times a second in which nothing has changed. On a machine without a graphics
// card that is a tenth of a processor core, which a run that trains would have. These clocks tick once a second here.
(() => {
  const frame = window.requestAnimationFrame.bind(window);
  const counts = /^\(\)=>\{\w+\(\w+,\(performance\.now\(\)-[\w.]+\(\w+\)\)\/1e3\)/;
  window.requestAnimationFrame = (run) => (
    counts.test(String(run)) ? window.setTimeout(() => run(performance.now()), 1000) : frame(run)
  );
})();
