"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const find = (id) => document.getElementById(id);
  const data = read("map-data");
  const words = data.words.map;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  const day = { ink: "#1f2328", name: "#5b626b", paper: "#ffffff", plain: "#f7f7f5", kept: "#8a8a8a", removed: "#c24f00", added: "#0072b2", chosen: "#b0006d", hatch: 0.22 };
  const dark = { name: "#b9bec5", paper: "#16181b", plain: "#2b2f35", kept: "#7d848c", removed: "#ff9d66", added: "#7cc0ee", chosen: "#ff7ac8", hatch: 0.3 };
  let side = "after", plot, models, chosen = null, hovered = null;
  // ----- shapes: from steps to corners
  const walk = (steps) => {
    const xs = [steps[0]], ys = [steps[1]];
    for (let i = 2; i < steps.length; i += 2) {
      xs.push(xs[xs.length - 1] + steps[i]);
      ys.push(ys[ys.length - 1] + steps[i + 1]);
    }
    return [xs, ys];
  };
  const rings = data.rings.map(walk);
  const column = (rows, axis) => rows.map((unit) => unit.shape.map((polygon) => polygon.map((ring) => rings[ring][axis])));
  const byCode = {};
  for (const name of ["before", "after"]) {
    byCode[name] = new Map(data[name].map((unit) => [unit.code, unit]));
    for (const unit of data[name]) unit.side = name;
  }
  const other = (name) => (name === "before" ? "after" : "before");
  const title = (unit) => (unit.name === unit.code ? unit.code : `${unit.code} ${unit.name}`);
  // ----- small things of the page
  const make = (tag, text, kind) => {
    const found = document.createElement(tag);
    if (text !== undefined) found.textContent = text;
    if (kind) found.className = kind;
    return found;
  };
  const tell = (text) => { find("told").textContent = text; };
  const describe = (unit) => {
    const found = document.createDocumentFragment();
    found.append(make("strong", title(unit)));
    const list = make("dl");
    const change = make("span", "", `mark ${unit.change in data.fills ? unit.change : ""}`);
    const changed = make("dd");
    changed.append(change, data.words.changes[unit.change] || unit.change);
    list.append(make("dt", words.change), changed);
    const others = unit.others.map((code) => byCode[other(unit.side)].get(code)).map((one, i) => (one ? title(one) : unit.others[i]));
    if (unit.change !== "unchanged") {
      list.append(make("dt", unit.side === "before" ? words.successors : words.predecessors), make("dd", others.join(", ") || "\u2013"));
    }
    list.append(make("dt", words.area), make("dd", `${unit.area} km²`));
    found.append(list);
    return found;
  };
  // ----- the view
  const size = () => { const box = find("canvas").getBoundingClientRect(); return [box.width || 1, box.height || 1]; };
  const view = () => [plot.x_range.start, plot.y_range.start, plot.x_range.end, plot.y_range.end];
  const look = (west, south, east, north) => {
    plot.x_range.setv({ start: west, end: east });
    plot.y_range.setv({ start: south, end: north });
  };
  let moving = 0;
  const move = (goal) => {
    cancelAnimationFrame(moving);
    if (still.matches) { look(...goal); return; }
    const from = view(), start = performance.now();
    const step = (now) => {
      const part = Math.min(1, (now - start) / 260), eased = 1 - (1 - part) ** 3;
      look(...from.map((value, i) => value + (goal[i] - value) * eased));
      if (part < 1) moving = requestAnimationFrame(step);
    };
    moving = requestAnimationFrame(step);
  };
  const widest = Math.max(data.all[2] - data.all[0], data.all[3] - data.all[1]);
  const around = (box, margin) => {
    const [width, height] = size();
    const scale = Math.max((box[2] - box[0]) * margin / width, (box[3] - box[1]) * margin / height, widest / 250 / width);
    const x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
    return [x - scale * width / 2, y - scale * height / 2, x + scale * width / 2, y + scale * height / 2];
  };
  const zoom = (factor, at, smooth) => {
    const [west, south, east, north] = view(), [width] = size();
    const least = widest / 400, most = widest * 4 * Math.max(1, width / size()[1]);
    const bound = Math.min(Math.max((east - west) * factor, least), most) / (east - west);
    const [x, y] = at || [(west + east) / 2, (south + north) / 2];
    const goal = [x + (west - x) * bound, y + (south - y) * bound, x + (east - x) * bound, y + (north - y) * bound];
    if (smooth) move(goal); else look(...goal);
  };
  const pan = (right, up) => {
    const [west, south, east, north] = view(), x = (east - west) * right, y = (north - south) * up;
    look(west + x, south + y, east + x, north + y);
  };
  const place = (event) => {
    const box = find("canvas").getBoundingClientRect(), [west, south, east, north] = view();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    return { x: west + (east - west) * x / box.width, y: north + (south - north) * y / box.height, left: x, top: y, width: box.width, height: box.height };
  };
  const inside = (ring, x, y) => {
    const [xs, ys] = rings[ring];
    let odd = false;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
      if (ys[i] > y !== ys[j] > y && x < (xs[j] - xs[i]) * (y - ys[i]) / (ys[j] - ys[i]) + xs[i]) odd = !odd;
    }
    return odd;
  };
  const unitAt = (x, y) => data[side].find(({ box, shape }) =>
    x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]
    && shape.some((polygon) => polygon.reduce((odd, ring) => odd !== inside(ring, x, y), false)));
  const findingAt = (spot) => {
    const [west, , east] = view(), near = 10 * (east - west) / spot.width;
    return data.findings.find(({ at }) => Math.hypot(at[0] - spot.x, at[1] - spot.y) < near);
  };
  // ----- what is drawn
  const paint = () => {
    const look = night.matches ? dark : day;
    models.units.renderer.glyph.hatch_alpha = { value: look.hatch };
    models.kept.glyph.line_color = { value: look.kept };
    models.removed.glyph.line_color = { value: look.removed };
    models.new.glyph.line_color = { value: look.added };
    models.chosen_edge.glyph.line_color = { value: look.paper };
    models.chosen_line.glyph.line_color = { value: look.chosen };
    models.removed.visible = side === "before";
    models.new.visible = side === "after";
    const rows = data[side];
    models.units.source.data = {
      xs: column(rows, 0),
      ys: column(rows, 1),
      fill: rows.map(({ change }) => (change === "unchanged" ? look.plain : data.fills[change] || look.plain)),
      hatch: rows.map(({ change }) => data.hatches[change] || "blank"),
    };
    write();
    mark();
  };
  const mark = () => {
    const shown = data.findings;
    models.places.data = {
      x: shown.map(({ at }) => at[0]),
      y: shown.map(({ at }) => at[1]),
      marker: shown.map(({ severity }) => data.signs[severity][0]),
      fill: shown.map(({ severity }) => data.signs[severity][1]),
      size: shown.map((one) => (one === chosen ? 20 : 11)),
    };
  };
  const write = () => {
    const [west, south, east, north] = view(), unit = size()[0] / (east - west);
    const look = night.matches ? dark : day, found = { x: [], y: [], text: [], size: [], ink: [], halo: [] };
    for (const one of data[side]) {
      const [x, y, radius] = one.label;
      if (x < west || x > east || y < south || y > north) continue;
      const room = radius * unit * 2.1, letters = one.change === "unchanged" ? 11 : 12;
      const text = [title(one), one.name, one.code].find((text) => text.length * letters * 0.56 < room);
      if (text === undefined || room < letters * 1.6) continue;
      // pale fills carry dark letters by day and by night; a plain unit has the ink of the page
      const [ink, halo] = one.change === "unchanged" ? [look.name, look.plain] : [day.ink, data.fills[one.change] || look.plain];
      found.x.push(x); found.y.push(y); found.text.push(text); found.size.push(`${letters}px`); found.ink.push(ink); found.halo.push(halo);
    }
    models.labels.data = found;
    measure(unit);
  };
  const measure = (unit) => {
    const metres = 110 / unit / data.metre, power = 10 ** Math.floor(Math.log10(metres));
    const length = [5, 2, 1].map((step) => step * power).find((one) => one <= metres) || power;
    const bar = find("scale");
    bar.style.width = `${length * data.metre * unit}px`;
    bar.textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  };
  let waiting = 0;
  const later = (work) => { clearTimeout(waiting); waiting = setTimeout(work, 60); };
  // ----- what a person does
  const turn = (name) => {
    if (side === name) return;
    side = name;
    for (const one of ["before", "after"]) find(`show-${one}`).setAttribute("aria-pressed", String(one === name));
    find("tip").hidden = true;
    const left = chosen && chosen.shape && chosen.side !== name ? chosen.others.map((code) => byCode[name].get(code)).find(Boolean) : chosen;
    paint();
    if (left && left.shape) choose(left, false);
    tell(words[name]);
  };
  const choose = (unit, go) => {
    chosen = unit;
    models.chosen.data = { xs: column([unit], 0), ys: column([unit], 1) };
    find("unit").replaceChildren(describe(unit));
    mark();
    if (go) {
      turn(unit.side);
      move(around(unit.box, 1.5));
      tell(words.shown.replace("{unit}", title(unit)).replace("{state}", words[unit.side].toLowerCase()));
    }
  };
  const clear = () => {
    chosen = null;
    models.chosen.data = { xs: [], ys: [] };
    find("unit").replaceChildren(make("p", words.choose, "soft"));
    mark();
  };
  const toFinding = (number) => {
    const finding = data.findings.find((one) => one.number === number);
    if (!finding) return;
    clear();
    chosen = finding;
    const text = document.createDocumentFragment();
    const what = make("strong", `${finding.number} · ${finding.text}`);
    what.lang = "en";
    text.append(what);
    find("unit").replaceChildren(text);
    mark();
    move(around(finding.box, 3));
    tell(words.place.replace("{number}", finding.number));
    show();
  };
  const show = () => {
    find("atlas").scrollIntoView({ behavior: still.matches ? "auto" : "smooth", block: "start" });
    find("canvas").focus({ preventScroll: true });
  };
  const hover = (event) => {
    const tip = find("tip");
    if (event.buttons || event.pointerType === "touch") { tip.hidden = true; return; }
    const spot = place(event), finding = findingAt(spot), unit = finding ? null : unitAt(spot.x, spot.y);
    const found = finding || unit || null;
    if (found !== hovered) {
      hovered = found;
      tip.replaceChildren(unit ? describe(unit) : make("strong", finding ? `${finding.number} · ${finding.text}` : ""));
    }
    tip.hidden = !found;
    if (!found) return;
    const { offsetWidth, offsetHeight } = tip;
    tip.style.left = `${Math.max(4, Math.min(spot.left + 16, spot.width - offsetWidth - 8))}px`;
    tip.style.top = `${spot.top + 20 + offsetHeight > spot.height ? Math.max(4, spot.top - offsetHeight - 12) : spot.top + 20}px`;
  };
  const pick = (event) => {
    const spot = place(event), finding = findingAt(spot);
    if (finding) {
      const item = find(`finding-${finding.number}`);
      const folded = item && item.closest("details");
      if (folded) folded.open = true;
      document.querySelectorAll(".findings .chosen").forEach((one) => one.classList.remove("chosen"));
      if (item) { item.classList.add("chosen"); item.scrollIntoView({ block: "center" }); }
      return;
    }
    const unit = unitAt(spot.x, spot.y);
    if (unit) choose(unit, false); else clear();
  };
  const keys = {
    ArrowLeft: () => pan(-0.15, 0), ArrowRight: () => pan(0.15, 0), ArrowUp: () => pan(0, 0.15), ArrowDown: () => pan(0, -0.15),
    "+": () => zoom(0.6, null, true), "=": () => zoom(0.6, null, true), "-": () => zoom(1 / 0.6, null, true),
    "0": () => move(around(data.all, 1.05)), c: () => move(around(data.changes || data.all, 1.1)),
    b: () => turn("before"), a: () => turn("after"), Escape: clear,
  };
  const listen = () => {
    const canvas = find("canvas");
    let down = null;
    canvas.addEventListener("pointermove", hover);
    canvas.addEventListener("pointerleave", () => { find("tip").hidden = true; });
    canvas.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; canvas.focus({ preventScroll: true }); }, true);
    canvas.addEventListener("pointerup", (event) => {
      if (down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 5) pick(event);
      down = null;
    }, true);
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      const { x, y } = place(event);
      zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 200), [x, y], false);
    }, { passive: false, capture: true });
    canvas.addEventListener("keydown", (event) => {
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    find("zoom-in").addEventListener("click", keys["+"]);
    find("zoom-out").addEventListener("click", keys["-"]);
    find("zoom-all").addEventListener("click", keys["0"]);
    find("zoom-changes").addEventListener("click", keys.c);
    find("show-before").addEventListener("click", keys.b);
    find("show-after").addEventListener("click", keys.a);
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button.show, button.place");
      if (!button) return;
      if (button.dataset.finding) { toFinding(Number(button.dataset.finding)); return; }
      const unit = byCode[button.dataset.side].get(button.dataset.code);
      if (unit) { choose(unit, true); show(); }
    });
    night.addEventListener("change", paint);
    new ResizeObserver(() => {
      const [west, south, east, north] = view(), [width, height] = size();
      const y = (south + north) / 2, half = (east - west) * height / width / 2;
      look(west, y - half, east, y + half);
      later(write);
    }).observe(canvas);
    for (const range of [plot.x_range, plot.y_range]) range.change.connect(() => later(write));
  };
  // ----- search
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/ø/g, "o").replace(/æ/g, "ae").replace(/đ/g, "d").replace(/ŋ/g, "n").replace(/ŧ/g, "t").replace(/ß/g, "ss");
  const search = () => {
    const input = find("search"), list = find("hits");
    let hits = [], active = 0;
    const everything = [...data.after, ...data.before];
    const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
    const activate = (number) => {
      active = number;
      [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === active)));
      const item = list.children[active];
      if (item) { input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    };
    const take = () => { const unit = hits[active]; if (!unit) return; close(); input.value = title(unit); choose(unit, true); };
    input.addEventListener("input", () => {
      const wanted = plain(input.value.trim());
      const rank = (unit) => {
        const code = plain(unit.code), name = plain(unit.name);
        if (code === wanted || name === wanted) return 0;
        if (plain(title(unit)).startsWith(wanted) || name.startsWith(wanted)) return 1;
        return name.includes(wanted) || code.includes(wanted) ? 2 : 9;
      };
      hits = wanted ? everything.map((unit) => [rank(unit), unit]).filter(([at]) => at < 9).sort((one, two) => one[0] - two[0]).map(([, unit]) => unit) : [];
      const count = hits.length;
      hits = hits.slice(0, 30);
      list.replaceChildren(...hits.map((unit, i) => {
        const item = make("li");
        item.id = `hit-${i}`;
        item.setAttribute("role", "option");
        item.append(make("code", unit.code), make("span", unit.name === unit.code ? "" : unit.name), make("span", words[unit.side]));
        item.addEventListener("pointerdown", (event) => { event.preventDefault(); active = i; take(); });
        return item;
      }));
      list.hidden = !hits.length;
      input.setAttribute("aria-expanded", String(hits.length > 0));
      tell(wanted ? (count ? words.hits.replace("{count}", count) : words.no_hits) : "");
      if (hits.length) activate(0);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { close(); return; }
      if (event.key === "Enter") { event.preventDefault(); take(); return; }
      if (!hits.length || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
      event.preventDefault();
      activate((active + (event.key === "ArrowDown" ? 1 : hits.length - 1)) % hits.length);
    });
    input.addEventListener("blur", close);
  };
  // ----- tables that are sorted by their headings
  const sortable = () => {
    for (const table of document.querySelectorAll("table")) {
      const body = table.tBodies[0];
      if (!body || body.rows.length < 2) continue;
      [...table.tHead.rows[0].cells].forEach((heading, place) => {
        const button = make("button", heading.textContent, "sort");
        button.type = "button";
        button.title = words.sort.replace("{column}", heading.textContent);
        heading.replaceChildren(button);
        button.addEventListener("click", () => {
          const up = heading.getAttribute("aria-sort") !== "ascending";
          for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
          heading.setAttribute("aria-sort", up ? "ascending" : "descending");
          const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
          const value = (row) => row.cells[place].dataset.order;
          const compare = (one, two) => (value(one) !== undefined && value(two) !== undefined ? Number(value(one)) - Number(value(two)) : order.compare(one.cells[place].textContent, two.cells[place].textContent));
          body.append(...[...body.rows].sort((one, two) => (up ? compare(one, two) : compare(two, one))));
        });
      });
    }
  };
  // ----- paper: what is folded on the screen is open in print
  const paper = () => {
    let opened = [];
    window.addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll("details:not([open])")];
      for (const one of opened) one.open = true;
    });
    window.addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
  };
  const start = async () => {
    sortable();
    paper();
    find("atlas").hidden = false;
    const content = read("map-canvas"), root = content.roots[0].id;
    const canvas = find("canvas");
    await Bokeh.embed.embed_items({ page: content }, [{ docid: "page", roots: { [root]: canvas }, root_ids: [root] }]);
    const document_ = Bokeh.documents[0], named = (name) => document_.get_model_by_name(name);
    plot = named("map");
    const renderer = (name) => plot.renderers.find((one) => one.name === name);
    const units = named("units");
    models = {
      units: { source: units, renderer: plot.renderers.find((one) => one.data_source === units) },
      kept: renderer("kept_lines"), removed: renderer("removed_lines"), new: renderer("new_lines"),
      chosen: named("chosen"), chosen_edge: renderer("chosen_edge"), chosen_line: renderer("chosen_line"),
      labels: named("labels"), places: named("places"),
    };
    for (const name of ["kept", "removed", "new"]) {
      const lines = data.lines[name].map(walk);
      named(name).data = { xs: lines.map(([xs]) => xs), ys: lines.map(([, ys]) => ys) };
    }
    look(...around(data.all, 1.05));
    const small = data.changes && (data.changes[2] - data.changes[0]) * (data.changes[3] - data.changes[1]) * 3 < (data.all[2] - data.all[0]) * (data.all[3] - data.all[1]);
    if (small) look(...around(data.changes, 1.15));
    paint();
    listen();
    search();
    document.documentElement.dataset.ready = "yes";
  };
  start();
})();
