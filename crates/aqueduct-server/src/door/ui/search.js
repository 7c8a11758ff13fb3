// Which blobs have a digest that begins as somebody typed.

import { actions, find, make, named } from "/ui/dom.js";
import { refusal, size } from "/ui/words.js";

/** As many as are looked through by eye. */
const SHOWN_COUNT = 10;

const HEX_LEN = 64;

export function begin() {
  let asked = 0;
  find("find").addEventListener("submit", async event => {
    event.preventDefault();
    asked += 1;
    const turn = asked;
    const { said, blobs } = await look(find("wanted").value.trim());
    // Only the last question is of interest.
    if (turn !== asked) return;
    find("found-said").textContent = said;
    find("found").replaceChildren(...blobs.map(blob => make("li", { class: "row" },
      named(blob.digest), make("span", { class: "said soft" }, size(blob.size)), actions(blob.digest))));
  });
}

async function look(text) {
  const wanted = /^(?:(sha256|blake3):)?([0-9a-f]{1,64})$/.exec(text.toLowerCase());
  if (!wanted) {
    return { said: "Write sha256:HEX or blake3:HEX, or only the first of its hex digits.", blobs: [] };
  }
  const [, algorithm, hex] = wanted;
  try {
    const lists = await Promise.all((algorithm ? [algorithm] : ["sha256", "blake3"]).map(it => beginning(it, hex)));
    return told(lists.flat());
  } catch (error) {
    return { said: error instanceof Refused ? error.message : "The server cannot be reached.", blobs: [] };
  }
}

function told(blobs) {
  const shown = blobs.slice(0, SHOWN_COUNT);
  if (blobs.length === 0) return { said: "No blob here has a digest that begins so.", blobs };
  if (blobs.length > shown.length) return { said: `The first ${shown.length}; type more digits to see others.`, blobs: shown };
  return { said: blobs.length === 1 ? "One blob." : `${blobs.length} blobs.`, blobs };
}

class Refused extends Error {}

/**
 * The list is in the order of digests: those that begin so follow the last digest before them. The very first digest of all
 * would be left out, which nobody will ever find bytes for.
 */
async function beginning(algorithm, hex) {
  const first = BigInt(`0x${hex.padEnd(HEX_LEN, "0")}`);
  const before = (first > 0n ? first - 1n : 0n).toString(16).padStart(HEX_LEN, "0");
  const query = `after=${algorithm}:${before}&limit=${SHOWN_COUNT + 1}`;
  const response = await fetch(`${location.origin}/blobs?${query}`, { cache: "no-store" });
  if (!response.ok) throw new Refused(refusal(response.status, await response.text()));
  const { blobs } = await response.json();
  return blobs.filter(blob => blob.digest.startsWith(`${algorithm}:${hex}`));
}
