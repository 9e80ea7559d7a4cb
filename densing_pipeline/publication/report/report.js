"use strict";
// Draws the charts as they come into view, and keeps the reader's choices in the address.
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const NARROW = 560;
  const ERRORS_ONLY = 1; // Vega warns of charts that are drawn before their data arrive
  const DAY = 24 * 60 * 60 * 1000;
  const views = new Map();
  const drawing = new Map();
  const sorting = new Map();

  const written = (value) => (value === null || value === undefined ? "" : String(value));
  const valuesOf = (column) => (Array.isArray(column) ? column : column.at.map((place) => column.of[place]));
  const rowsOf = (given) => {
    const columns = Object.fromEntries(Object.entries(given).map(([name, column]) => [name, valuesOf(column)]));
    const names = Object.keys(columns);
    const count = names.length ? columns[names[0]].length : 0;
    return Array.from({ length: count }, (_, row) => {
      const made = { row };
      for (const name of names) made[name] = columns[name][row];
      return made;
    });
  };
  const rows = new Map();
  for (const [name, chart] of Object.entries(content.charts)) {
    rows.set(name, Object.fromEntries(Object.entries(chart.data).map(([key, columns]) => [key, rowsOf(columns)])));
  }

  const choices = (name) => [...document.querySelectorAll(`select[data-chart="${name}"], input[data-chart="${name}"]`)];
  const chosen = (name) => Object.fromEntries(choices(name).map((one) => [one.dataset.param, one.value.trim()]));
  const visible = (name) => {
    const choice = chosen(name);
    const { controls, search } = content.charts[name];
    const words = search ? choice[search.param].toLowerCase() : "";
    return rows.get(name).rows.filter((row) => controls.every(
      ({ param, column }) => choice[param] === "all" || row[column] === choice[param])
      && (!words || search.columns.some((column) => written(row[column]).toLowerCase().includes(words))));
  };

  // Theme
  const root = document.documentElement;
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const isDark = () => root.dataset.theme === "dark";
  const setTheme = (theme) => { root.dataset.theme = theme; };
  setTheme(kept() ?? (preferred.matches ? "dark" : "light"));
  document.getElementById("theme")?.addEventListener("click", () => {
    setTheme(isDark() ? "light" : "dark");
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a page from disk may keep nothing */ }
    for (const name of [...drawing.keys()]) draw(name);
  });

  // Charts
  const isNarrow = (name) => document.getElementById(`${name}-chart`).clientWidth < NARROW;
  const TITLE_LETTERS = 34; // of a title under a narrow chart, which is written in as many lines as it takes
  const inLines = (words) => words.split(" ").reduce((lines, word) => {
    const joined = `${lines.at(-1)} ${word}`;
    return joined.length > TITLE_LETTERS ? [...lines, word] : [...lines.slice(0, -1), joined];
  }, [""]).map((line) => line.trim()).filter(Boolean);
  const narrowed = (layer) => {
    const x = layer.encoding?.x;
    for (const place of [x, x?.axis]) if (typeof place?.title === "string") place.title = inLines(place.title);
    for (const inner of layer.layer ?? []) narrowed(inner);
  };
  const specification = (name) => {
    let text = JSON.stringify(content.charts[name].spec);
    if (isDark()) {
      for (const [light, dark] of Object.entries(content.onDark)) text = text.replaceAll(`"${light}"`, `"${dark}"`);
    }
    if (isNarrow(name)) text = text.replaceAll('"labelLimit":370', '"labelLimit":150');
    const spec = JSON.parse(text);
    if (isNarrow(name)) {
      spec.config.legend.columns = 1;
      narrowed(spec);
    }
    spec.datasets = rows.get(name);
    const values = { narrow: isNarrow(name), ...chosen(name) };
    for (const param of spec.params ?? []) if (param.name in values) param.value = values[param.name];
    return spec;
  };
  const draw = (name) => {
    const place = document.getElementById(`${name}-chart`);
    const drawn = (drawing.get(name) ?? Promise.resolve()).then(async () => {
      views.get(name)?.finalize();
      const { view } = await vegaEmbed(place, specification(name), {
        actions: false, renderer: "svg", ast: true, mode: "vega-lite",
        tooltip: { theme: isDark() ? "dark" : "light" }, config: { aria: false }, logLevel: ERRORS_ONLY,
      });
      place.querySelector("svg")?.setAttribute("aria-hidden", "true");
      views.set(name, view);
      place.dataset.drawn = "true";
      view.addEventListener("click", (_, item) => { if (item?.datum?.row !== undefined) show(name, item.datum.row); });
    });
    drawing.set(name, drawn);
    return drawn;
  };
  const shown = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      shown.unobserve(entry.target);
      draw(entry.target.dataset.chart);
    }
  }, { rootMargin: "300px" });
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const { chart: name } = target.dataset;
      if (views.has(name) && views.get(name).signal("narrow") !== isNarrow(name)) draw(name);
    }
  });
  for (const place of document.querySelectorAll(".chart")) { shown.observe(place); resized.observe(place); }
  addEventListener("beforeprint", () => { for (const name of rows.keys()) if (!drawing.has(name)) draw(name); });

  const addressOf = (name, choices) => {
    const query = new URLSearchParams(choices).toString();
    return `#${name}${query ? `?${query}` : ""}`;
  };
  const linked = (href, words) => {
    const link = document.createElement("a");
    link.href = href;
    link.textContent = words;
    return link;
  };

  // One point: by keyboard or click
  const show = (name, row) => {
    const said = Object.entries(content.charts[name].columns)
      .filter(([column]) => written(rows.get(name).rows[row]?.[column]) !== "")
      .map(([column, words]) => `${words}: ${written(rows.get(name).rows[row][column])}`);
    const point = document.getElementById(`${name}-point`);
    point.textContent = row < 0 ? "" : said.join("; ");
    const model = rows.get(name).rows[row]?.model_id;
    if (content.models?.[model]) point.append(" ", linked(addressOf("models", { id: model }), "Scores and lineage"));
    views.get(name)?.signal("focus", row).runAsync();
  };
  for (const place of document.querySelectorAll(".chart")) {
    const name = place.dataset.chart;
    let at = -1;
    place.addEventListener("keydown", (event) => {
      const points = visible(name);
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
      if (event.key === "Escape") { at = -1; show(name, -1); return; }
      if (!(event.key in steps) || !points.length) return;
      event.preventDefault();
      at = (at + steps[event.key] + points.length) % points.length;
      show(name, points[at].row);
    });
    place.addEventListener("focus", () => {
      if (!document.getElementById(`${name}-point`).textContent) {
        document.getElementById(`${name}-point`).textContent = "Arrow keys go from point to point, Escape leaves.";
      }
    });
    // The link of a point can be reached by Tab, so the point stays when the chart loses the focus.
    place.addEventListener("blur", () => {
      at = -1;
      views.get(name)?.signal("focus", -1).runAsync();
    });
  }

  // Tables
  const compared = (left, right) => (left === null ? 1 : right === null ? -1
    : typeof left === "number" ? left - right : String(left).localeCompare(String(right)));
  const table = (name) => {
    const place = document.querySelector(`details.rows[data-chart="${name}"] .scroll`);
    const columns = Object.entries(content.charts[name].columns);
    const order = sorting.get(name);
    const found = visible(name);
    if (order) found.sort((a, b) => order.sign * compared(a[order.column], b[order.column]));
    const made = document.createElement("table");
    const head = made.createTHead().insertRow();
    for (const [column, words] of columns) {
      const cell = document.createElement("th");
      cell.scope = "col";
      if (order?.column === column) cell.ariaSort = order.sign > 0 ? "ascending" : "descending";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      button.addEventListener("click", () => {
        sorting.set(name, { column, sign: order?.column === column ? -order.sign : 1 });
        table(name);
      });
      cell.append(button);
      head.append(cell);
    }
    const body = made.createTBody();
    for (const row of found) {
      const line = body.insertRow();
      for (const [column] of columns) {
        const cell = line.insertCell();
        cell.dataset.label = content.charts[name].columns[column];
        cell.textContent = written(row[column]);
        if (typeof row[column] === "number") cell.className = "number";
      }
    }
    place.replaceChildren(made);
  };
  for (const details of document.querySelectorAll("details.rows")) {
    details.addEventListener("toggle", () => { if (details.open) table(details.dataset.chart); });
  }

  // Files
  const save = (name, href) => {
    const link = document.createElement("a");
    link.href = href;
    link.download = name;
    link.click();
  };
  const asFile = (name, type, text) => {
    const url = URL.createObjectURL(new Blob([text], { type }));
    save(name, url);
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };
  // A cell that a spreadsheet would run as a formula begins with an apostrophe.
  const field = (value) => {
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : written(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (name) => {
    const columns = Object.entries(content.charts[name].columns);
    return [columns.map(([, words]) => field(words)), ...visible(name).map((row) => columns.map(([column]) => field(row[column])))]
      .map((line) => line.join(",")).join("\r\n");
  };
  for (const button of document.querySelectorAll("button[data-save]")) {
    button.addEventListener("click", async () => {
      const { chart: name, save: kind } = button.dataset;
      if (kind === "csv") return asFile(`${name}.csv`, "text/csv", csv(name));
      if (kind === "json") {
        return asFile(`${name}.vl.json`, "application/json", JSON.stringify(specification(name), null, 1));
      }
      if (!views.has(name)) await draw(name);
      return save(`${name}.${kind}`, await views.get(name).toImageURL(kind, kind === "png" ? 2 : 1));
    });
  }

  // One model: its card, and the lineage of its density
  const models = content.models ?? {};
  const field_of = document.getElementById("model");
  const made = (tag, text, ...children) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  };
  const pairs = (title, lines) => lines.length ? [made("div", "", made("h3", title), made("dl", "", ...lines.map(
    ([words, value]) => made("div", "", made("dt", words), made("dd", value)))))] : [];
  const showModel = (id) => {
    const place = document.getElementById("model-card");
    const card = models[id];
    if (!place) return;
    if (!card) {
      place.replaceChildren(id ? made("p", `The release has no density of ${id}.`) : "");
      return;
    }
    field_of.value = id;
    const parts = made("div", "", ...pairs("The model", card.facts), ...pairs("Scores", card.scores),
      ...pairs("Density (95 % interval)", card.densities), ...pairs("Price and index of its chat model", card.market));
    parts.className = "model-card";
    const tree = made("ul", "", ...card.lineage.map(([depth, number]) => {
      const line = made("li", content.statements[number]);
      line.style.setProperty("--depth", depth);
      return line;
    }));
    tree.className = "lineage";
    place.replaceChildren(made("h3", id), parts, made("h3", "What the density rests on"), tree);
  };
  if (field_of) {
    document.getElementById("model-names").append(...Object.keys(models).map((id) => {
      const option = document.createElement("option");
      option.value = id;
      return option;
    }));
    field_of.addEventListener("change", () => {
      history.pushState(null, "", addressOf("models", { id: field_of.value }));
      showModel(field_of.value);
    });
  }

  // Address: #density?basis=active
  const usual = (one) => (one.tagName === "SELECT" ? one.options[0].value : "");
  const stateOf = (name) => addressOf(
    name, choices(name).filter((one) => one.value.trim() !== usual(one)).map((one) => [one.dataset.param, one.value.trim()]));
  const choose = (name) => {
    for (const link of document.querySelectorAll(`a.state[data-chart="${name}"]`)) {
      link.setAttribute("href", link.getAttribute("href").split("#")[0] + stateOf(name));
    }
    const view = views.get(name);
    if (view) {
      for (const [param, value] of Object.entries(chosen(name))) view.signal(param, value);
      view.runAsync();
    }
    document.getElementById(`${name}-point`).textContent = visible(name).length
      ? "" : "The release has nothing under this choice.";
    if (document.querySelector(`details.rows[data-chart="${name}"]`)?.open) table(name);
  };
  // The address names the choices of one chart; those of the others are the first of each list.
  const follow = () => {
    const [name, query] = decodeURI(location.hash.slice(1)).split("?");
    const wanted = new URLSearchParams(query ?? "");
    for (const chart of rows.keys()) {
      let moved = false;
      for (const one of choices(chart)) {
        const value = chart === name ? wanted.get(one.dataset.param) : null;
        const isKnown = one.tagName === "SELECT" ? [...one.options].some((option) => option.value === value) : value;
        const next = isKnown ? value : usual(one);
        moved ||= next !== one.value;
        one.value = next;
      }
      if (moved) choose(chart);
    }
    if (name === "models") showModel(wanted.get("id") ?? "");
    if (name) document.getElementById(name)?.scrollIntoView();
  };
  for (const one of document.querySelectorAll("select[data-chart], input[data-chart]")) {
    one.addEventListener("change", () => {
      history.pushState(null, "", stateOf(one.dataset.chart));
      choose(one.dataset.chart);
    });
    if (one.tagName === "INPUT") one.addEventListener("input", () => choose(one.dataset.chart));
  }
  addEventListener("popstate", follow);
  follow();

  // On a phone the rows of a table are lists, in which each cell has the heading of its column.
  for (const one of document.querySelectorAll("table")) {
    const heads = [...one.tHead.rows[0].cells].map((head) => head.textContent);
    for (const line of one.tBodies[0].rows) {
      if (line.cells.length === heads.length) [...line.cells].forEach((cell, at) => { cell.dataset.label = heads[at]; });
    }
  }

  // Ages
  for (const one of document.querySelectorAll("time[datetime]")) {
    const days = Math.floor((Date.now() - Date.parse(one.dateTime)) / DAY);
    if (!(days >= 0)) continue;
    one.title = `${days} ${days === 1 ? "day" : "days"} ago`;
    if (days > Number(one.dataset.oldAfter ?? Infinity)) {
      one.classList.add("old");
      one.append(`, ${days} days old`);
    }
  }
})();
