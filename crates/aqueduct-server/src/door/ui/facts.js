// The lists of facts: what the server says of its store and of itself, line by line.

import { find, keep, make, write } from "/ui/dom.js";
import { ago, count, duration, NONE, rate, size } from "/ui/words.js";

/** Shows an answer of `/status`; `rates` has what happened a second, or null where that is not known yet. */
export function show(status, rates) {
  const { store, scrub, connections, requests, descriptors, now } = status;
  list("store", [
    fact("Blobs", count(store.blobs)),
    fact("Size", size(store.size)),
    fact("On the medium", size(store.allocated)),
    fact("Limit", store.size_max === null ? "none" : size(store.size_max), full(store.size, store.size_max)),
    fact("Free", size(store.free)),
    fact("Kept free", store.free_min === null ? "nothing" : size(store.free_min)),
    fact("Filesystem", size(store.filesystem_size), full(store.filesystem_size - store.free, store.filesystem_size)),
    fact("Entries of build caches", entries(status.entries)),
    fact("Evicted", count(store.evicted)),
    fact("In doubt after a power cut", store.suspects ? "some blobs" : "none"),
    { ...fact("Damaged", count(store.damaged)), is_bad: store.damaged > 0 },
    { ...fact("Changes", status.read_only ? "refused: its disk failed" : "taken"), is_bad: status.read_only },
  ]);
  list("scrub", [
    fact("Now", scrub.running ? "running" : "not running"),
    fact("Began", ago(now, scrub.began)),
    fact("Verified in this pass", `${count(scrub.count)} (${size(scrub.size)})`),
    fact("Last pass ended", ago(now, scrub.last_ended)),
    { ...fact("Found damaged", count(scrub.damaged)), is_bad: scrub.damaged > 0 },
  ]);
  list("server", [
    fact("Version", status.version),
    fact("Runs for", duration(now - status.started)),
    fact("Connections", `${count(connections.open)} of ${count(connections.max)}`, full(connections.open, connections.max)),
    fact("Accepted", count(connections.accepted)),
    { ...fact("Turned away", count(connections.turned_away)), is_bad: connections.turned_away > 0 },
    fact("Descriptors", `${count(descriptors.open)} of ${count(descriptors.max)}`, full(descriptors.open, descriptors.max)),
    fact("Memory", size(status.memory)),
  ]);
  const outcomes = { ok: "Done", absent: "Not here", refused: "Refused", busy: "Turned down: busy", failed: "Failed", gone: "Peer gone" };
  list("outcomes", Object.entries(requests).map(([outcome, number]) => ({
    ...fact(outcomes[outcome] ?? outcome, `${count(number)}${rates ? `, ${rates.requests[outcome].toFixed(1)}/s` : ""}`),
    is_bad: outcome === "failed" && number > 0,
  })));
  list("jobs", Object.entries(status.jobs).map(([crew, number]) => fact(crew, count(number))));
}

/** How many each cache has. */
function entries(counts) {
  return Object.entries(counts).map(([cache, number]) => `${count(number)} ${cache}`).join(", ") || "none";
}

function fact(name, text, meter = null) {
  return { name, text, meter, is_bad: false };
}

/** How full something is; nothing where it has no limit. */
function full(value, max) {
  return typeof value === "number" && typeof max === "number" && max > 0 ? { value, max } : null;
}

/** A name and a value for each fact, and a bar below where there is something to be full. */
function list(id, facts) {
  const items = facts.flatMap(fact => ["dt", "dd", ...(fact.meter ? ["meter"] : [])].map(kind => ({ kind, fact })));
  const make_item = ({ kind, fact }) => {
    if (kind === "dt") return make("dt", {}, fact.name);
    if (kind === "dd") return make("dd");
    return make("dd", { class: "across" }, make("meter", { "aria-label": fact.name, min: 0, high: fact.meter.max * 0.9, max: fact.meter.max }));
  };
  keep(find(id), items, ({ kind, fact }) => `${kind} ${fact.name}`, make_item, (element, { kind, fact }) => {
    if (kind === "dd") {
      write(element, fact.text ?? NONE);
      element.classList.toggle("bad", fact.is_bad);
    }
    if (kind === "meter") {
      element.firstChild.max = fact.meter.max;
      element.firstChild.high = fact.meter.max * 0.9;
      element.firstChild.value = fact.meter.value;
    }
  });
}

/** What the tiles say: by the name in `data-value`. */
export function tiles(status, rates) {
  const { store, connections } = status;
  const sum = values => Object.values(values).reduce((sum, value) => sum + value, 0);
  const values = {
    host: location.host,
    version: `version ${status.version}`,
    sent: rates ? rate(sum(rates.sent)) : NONE,
    "sent-total": `${size(sum(status.sent))} since start`,
    received: rates ? rate(sum(rates.received)) : NONE,
    "received-total": `${size(sum(status.received))} since start`,
    requests: rates ? `${sum(rates.requests).toFixed(sum(rates.requests) < 10 ? 1 : 0)}/s` : NONE,
    "requests-total": `${count(sum(status.requests))} since start`,
    connections: count(connections.open),
    "connections-max": `of ${count(connections.max)}`,
    stored: size(store.size),
    "stored-count": `${count(store.blobs)} blobs`,
    free: size(store.free),
    "free-of": `of ${size(store.filesystem_size)}`,
  };
  for (const element of document.querySelectorAll("[data-value]")) write(element, values[element.dataset.value]);
}
