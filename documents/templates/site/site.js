// Written by eventsmith docs. Search, light and dark. No server, no network: the index is a script, which pages opened from files can load, too.
'use strict';
(() => {
  const up = document.body.dataset.up;
  const root = document.documentElement;
  const query = document.getElementById('query');
  const list = document.getElementById('found');
  const count = document.getElementById('count');
  const MOST = 20;
  let chosen = -1;
  let asked = false;

  const kept = (() => { try { return localStorage.getItem('eventsmith-theme'); } catch { return null; } })();
  if (kept === 'dark' || kept === 'light') root.dataset.theme = kept;
  document.getElementById('theme').addEventListener('click', () => {
    const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
    try { localStorage.setItem('eventsmith-theme', root.dataset.theme); } catch { /* it is not kept */ }
  });

  const load = () => {
    if (asked) return;
    asked = true;
    const script = document.createElement('script');
    script.src = `${up}assets/search.js`;
    script.addEventListener('load', show);
    document.head.append(script);
  };

  // All entries, made ready once.
  let ready;
  const known = (all) => {
    ready ??= all.entries.map(([name, kind, href, text]) => (
      { name, kind: all.kinds[kind], href, low: name.toLowerCase(), text: text.toLowerCase(), shown: text }));
    return ready;
  };

  // How well an entry fits: the less the better; nothing where a word is missing.
  const fit = (entry, words) => {
    let sum = 0;
    for (const word of words) {
      const at = entry.low.indexOf(word);
      const inText = at < 0 ? entry.text.indexOf(word) : -1;
      if (at < 0 && inText < 0) return undefined;
      sum += at < 0 ? 200 + inText / 100 : at + (entry.low.length - word.length) / 10;
    }
    return sum;
  };

  const close = () => {
    list.hidden = true;
    query.setAttribute('aria-expanded', 'false');
    query.removeAttribute('aria-activedescendant');
    chosen = -1;
  };

  const choose = (at) => {
    const items = [...list.children];
    if (!items.length) return;
    chosen = (at + items.length) % items.length;
    items.forEach((item, index) => item.setAttribute('aria-selected', String(index === chosen)));
    query.setAttribute('aria-activedescendant', items[chosen].id);
    items[chosen].scrollIntoView({ block: 'nearest' });
  };

  function show() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren();
    if (!words.length || !window.eventsmithSearch) {
      count.textContent = '';
      close();
      return;
    }
    const all = window.eventsmithSearch;
    const fits = [];
    for (const entry of known(all)) {
      const how = fit(entry, words);
      // What is said of the newest version counts first.
      if (how !== undefined) fits.push([how + (entry.kind.includes('older') ? 20 : 0), entry]);
    }
    fits.sort((one, other) => one[0] - other[0] || (one[1].name < other[1].name ? -1 : 1));
    fits.slice(0, MOST).forEach(([, entry], index) => {
      const item = document.createElement('li');
      item.id = `found-${index}`;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', 'false');
      item.dataset.href = up + entry.href;
      item.append(`${entry.name} · ${entry.kind}`);
      if (entry.shown) {
        const more = document.createElement('small');
        more.textContent = entry.shown;
        item.append(more);
      }
      item.addEventListener('mousedown', (event) => { if (event.button !== 0) return; event.preventDefault(); location.href = item.dataset.href; close(); });
      list.append(item);
    });
    count.textContent = fits.length === 1 ? '1 found' : `${fits.length} found`;
    list.hidden = !fits.length;
    query.setAttribute('aria-expanded', String(!!fits.length));
    chosen = -1;
    query.removeAttribute('aria-activedescendant');
  }

  query.addEventListener('focus', () => { load(); show(); });
  query.addEventListener('input', () => { load(); show(); });
  query.addEventListener('blur', close);
  query.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') { event.preventDefault(); choose(chosen + 1); }
    else if (event.key === 'ArrowUp') { event.preventDefault(); choose(chosen < 0 ? -1 : chosen - 1); }
    else if (event.key === 'Escape') { query.value = ''; show(); }
  });
  document.getElementById('search').addEventListener('submit', (event) => {
    event.preventDefault();
    const item = list.children[chosen < 0 ? 0 : chosen];
    if (item) { location.href = item.dataset.href; close(); }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && !event.ctrlKey && !event.metaKey && document.activeElement !== query) { event.preventDefault(); query.focus(); }
  });
})();
