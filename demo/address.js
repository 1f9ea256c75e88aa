// What the address of the page holds, and what the browser's Back button does. The Confusion matrix tab adds its cell by
// itself; all else is written here, as the page's parts tell what they show ('diclam' events, see components/part.py).
window.dcAddress = (() => {
  const asked = new URLSearchParams(window.location.search);
  const named = () => new URLSearchParams(window.location.search).get('tab');
  const state = { tab: '', model: '', shown: asked.get('tab') === 'train' ? asked.get('run') || '' : '', own: false };
  for (const name of ['example', 'picture', 'square']) state[name] = asked.get(name) || '';
  // Of the Train tab: runs laid over each other, on which axis; and the moment of the run that is shown.
  const training = ['over', 'axis', 'moment'];
  const linked = (name) => (asked.get('tab') === 'train' && asked.get(name)) || '';
  for (const name of training) state[name] = linked(name);
  let turnTo = linked('axis');
  const settings = {};
  const waiting = {}; // what to call once a tab is open
  let [tabs, usual] = [[], ''];
  let opened = false; // Tabs report themselves while the page is being drawn, too, before the address is read.

  // Each tab's link holds what that tab shows: `run` is the run shown on Train, the model everywhere else.
  function write() {
    if (!opened) return;
    const address = new URL(window.location);
    const put = (name, value) => (value ? address.searchParams.set(name, value) : address.searchParams.delete(name));
    const [train, classify] = [state.tab === 'train', ['', 'classify'].includes(state.tab)];
    put('tab', state.tab);
    put('run', train ? state.shown : state.model);
    put('model', train ? state.model : '');
    for (const name of ['example', 'picture', 'square']) put(name, classify ? state[name] : '');
    for (const name of training) put(name, train ? state[name] : '');
    for (const name in settings) put(name, train ? settings[name] : '');
    if (address.href !== window.location.href) window.history.replaceState(window.history.state, '', address);
  }

  const turned = () => opened && waiting[state.tab || usual]?.();
  const set = (changes) => { Object.assign(state, changes); write(); };
  const another = (changes) => set({ example: '', picture: '', square: '', own: false, ...changes });
  const percent = (fraction) => Number((100 * fraction).toFixed(2));
  const happened = {
    example: ({ index }) => another({ example: String(index) }),
    opened: ({ index }) => another({ picture: String(index) }),
    brought: () => another({ own: true }),
    square: ({ left, top, size, own }) => set({ square: own && !state.own ? [left, top, size].map(percent).join('-') : '' }),
    curve: ({ figure, run }) => {
      if (figure === 'dc-loss' && run) set({ shown: run });
      if (figure === 'dc-over-accuracy') over(run);
    },
    laid: ({ names }) => set({ over: names.join(','), axis: names.length ? state.axis : '' }),
    moment: ({ at }) => set({ moment: at }),
  };
  // The figures come on the usual axis; a link may name the other one.
  function over(axis) {
    const other = turnTo && turnTo !== axis && document.querySelector(`#dc-axis input[value="${CSS.escape(turnTo)}"]`);
    turnTo = '';
    if (other) other.click();
    else set({ axis: axis === 'time' ? '' : axis });
  }
  document.addEventListener('diclam', ({ detail }) => happened[detail.did]?.(detail));

  // Somebody may click on Start before the server has read what the link sets: the click then counts as soon as it has.
  const besides = ['tab', 'run', 'model', 'lesson', '__theme'];
  let filled = [...asked.keys()].every((name) => name in state || besides.includes(name));
  let clicked = null;
  document.addEventListener('click', (event) => {
    const start = !filled && event.target.closest?.('#dc-start');
    if (!start) return;
    event.stopImmediatePropagation();
    clicked = start;
  }, { capture: true });

  const openTab = (name) => document.querySelector(`#dc-tabs [role="tab"][data-tab-id="${name}"]`)?.click();

  // The picture with this number gets the focus once it is on the screen again, which takes an answer of the server when
  // another cell is drawn. Whoever goes on meanwhile is left in peace.
  function focus(index) {
    let tries = 30;
    const stop = () => { tries = 0; };
    for (const name of ['keydown', 'pointerdown']) window.addEventListener(name, stop, { once: true });
    const look = () => {
      if (tries-- <= 0) return;
      const all = [...document.querySelectorAll(`#dc-confusion [data-index="${Number(index)}"]`)];
      const here = all.filter((made) => made.offsetWidth);
      if (here.length) (here.find((made) => made.tabIndex === 0) || here[0]).focus();
      else setTimeout(look, 100);
    };
    setTimeout(look, 300);
  }

  // The model is one for all tabs, and going back does not change it, nor which picture lies in Classify.
  window.addEventListener('popstate', ({ state: entry }) => {
    if (tabs.includes(named())) {
      state.tab = named();
      openTab(state.tab);
    }
    write();
    if (entry?.left) focus(entry.left);
  });

  return {
    open(known, first) {
      [tabs, usual, opened] = [known, first, true];
      state.tab = tabs.includes(named()) ? named() : '';
      turned();
      return state.tab || first;
    },
    isOpen: () => opened,
    linked,
    openTab,
    focus,
    tab(name) {
      if (opened) set({ tab: name });
      turned();
    },
    // The first time that this tab is open, or so many milliseconds later.
    whenOpen: (name, longest) => new Promise((go) => {
      waiting[name] = go;
      setTimeout(go, longest);
      turned();
    }),
    model: (key) => set({ model: key }),
    settings(values) { Object.assign(settings, values); write(); },
    // What a link named and the page could not show.
    leaveOut(names) {
      for (const name of names) {
        if (name === 'over' && state.over !== linked('over')) continue; // The table has told which of them there are.
        (name in state ? state : settings)[name] = '';
      }
      if (names.includes('run')) state.shown = '';
      write();
    },
    // The form holds what the link named.
    filled() {
      filled = true;
      if (clicked) setTimeout(() => clicked.click());
    },
    own: () => state.own && ['', 'classify'].includes(state.tab),
  };
})();
