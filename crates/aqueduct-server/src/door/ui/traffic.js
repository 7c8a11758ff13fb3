// Bytes a second by route: a line for each, over the last two minutes, and the same as a table.

import { find, keep, make, write } from "/ui/dom.js";
import { rate, size } from "/ui/words.js";

/** How many seconds a plot goes back. */
const SPAN = 120;

/** The plot's own units, which the browser stretches. */
const WIDTH = 600;
const HEIGHT = 120;

/** How many looks of a line there are in the style sheet. */
const LOOK_COUNT = 8;

/** Which look a route has: the same everywhere. */
const looks = new Map();

function look(route) {
  if (!looks.has(route)) looks.set(route, looks.size % LOOK_COUNT);
  return `route${looks.get(route)}`;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** One direction: what was sent, or what was received. */
export class Traffic {
  /** `direction` is the beginning of the elements' names. */
  constructor(direction) {
    this.body = find(`${direction}-routes`);
    this.lines = svg("g", {});
    this.top = make("span");
    const plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "grid", d: `M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}` }), this.lines);
    find(`${direction}-plot`).append(
      make("div", { class: "scale" }, this.top), plot,
      make("div", { class: "scale" }, make("span", {}, "2 minutes ago"), make("span", {}, "now")),
    );
    /** What was seen, oldest first: when, and bytes a second by route; nobody can say where the line is broken. */
    this.seen = [];
  }

  /** `rates` is by route, and `null` where there is nothing to compare with. */
  add(now, rates, totals) {
    this.seen.push({ now, rates });
    this.seen = this.seen.filter(seen => seen.now >= now - SPAN - 2 && seen.now <= now);
    const routes = Object.keys(totals).filter(route => totals[route] > 0);
    this.draw(now, routes);
    keep(this.body, routes, route => route,
      route => make("tr", {}, make("th", { scope: "row" },
        svg("svg", { class: "sample", viewBox: "0 0 32 10", "aria-hidden": "true" },
          svg("line", { class: look(route), x1: 0, x2: 32, y1: 5, y2: 5 })), route), make("td"), make("td")),
      (row, route) => {
        write(row.children[1], rate(rates?.[route] ?? null));
        write(row.children[2], size(totals[route]));
      });
    if (routes.length === 0) this.body.replaceChildren(make("tr", {}, make("td", { colspan: 3, class: "soft" }, "Nothing yet.")));
  }

  draw(now, routes) {
    const most = Math.max(1024, ...this.seen.flatMap(seen => Object.values(seen.rates ?? {})));
    const top = ceiling(most);
    write(this.top, rate(top));
    const x = seen => (1 - (now - seen.now) / SPAN) * WIDTH;
    const y = value => HEIGHT - 1 - (value / top) * (HEIGHT - 2);
    this.lines.replaceChildren(...routes.map(route => {
      let path = "";
      let is_down = false;
      for (const seen of this.seen) {
        if (seen.rates) path += `${is_down ? "L" : "M"}${x(seen).toFixed(1)} ${y(seen.rates[route] ?? 0).toFixed(1)}`;
        is_down = seen.rates !== null;
      }
      return svg("path", { class: look(route), d: path });
    }));
  }
}

/** The next of 1, 2, 5, 10, 20, ... of a unit of bytes, so that the scale seldom changes. */
function ceiling(value) {
  let unit = 1;
  while (value >= unit * 1024) unit *= 1024;
  for (let step = 1; ; step *= 10) {
    for (const factor of [1, 2, 5]) if (value <= unit * step * factor) return unit * step * factor;
  }
}
