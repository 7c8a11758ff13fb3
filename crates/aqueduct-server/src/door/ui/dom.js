// What is made of elements. Text is always set as text: what a server says is never read as HTML.

import { brief } from "/ui/words.js";

/** An element with attributes, and with children that are elements or text. A function is a listener for clicks. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener("click", value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function find(id) {
  return document.getElementById(id);
}

/** Sets the text of an element, unless that is its text: a selection in it stays, and nothing is laid out anew. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Lets the children of `parent` be one for each of `items`, in their order. A child is made once and then only refreshed,
 * and none that stays is moved, so that whoever has the focus in it keeps it.
 */
export function keep(parent, items, name, make, refresh) {
  const had = new Map([...parent.children].map(child => [child.dataset.name, child]));
  const names = new Set(items.map(name));
  for (const [name, child] of had) if (!names.has(name)) child.remove();
  items.forEach((item, place) => {
    let child = had.get(name(item));
    if (!child) {
      child = make(item);
      child.dataset.name = name(item);
    }
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    refresh(child, item);
  });
}

/** A digest: short to be seen, whole under the pointer. */
export function named(digest) {
  return make("code", { title: digest }, brief(digest));
}

/** What can be done with a blob. */
export function actions(digest) {
  const link = make("a", {
    class: "button",
    href: `/blobs/${digest}`,
    download: digest.replace(":", "-"),
    "aria-label": `Download ${brief(digest)}`,
  }, "Download");
  const copy = make("button", {
    type: "button",
    "aria-label": `Copy ${brief(digest)}`,
    click: async () => {
      const is_copied = await copied(digest);
      copy.textContent = is_copied ? "Copied" : "Not copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    },
  }, "Copy");
  return make("span", { class: "buttons" }, copy, link);
}

/** The clipboard has no other way in where the page came without TLS from another machine. */
async function copied(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // It was not allowed; the old way may be.
    }
  }
  const before = document.activeElement;
  const field = make("textarea", { class: "unseen", readonly: "" }, text);
  document.body.append(field);
  field.select();
  const is_copied = document.execCommand("copy");
  field.remove();
  before?.focus();
  return is_copied;
}
