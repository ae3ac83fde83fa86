// Orders sections and lessons without leaving the page: by dragging their handles, or with the up and down buttons.
// The order is sent after each move; when it cannot be kept, the outline goes back to how it was.

const outline = document.querySelector("[data-outline]");
const status = document.querySelector("[data-outline-status]");
const LESSON = "[data-part^='lesson:']";
const SECTION = "[data-part^='section:']";

const parts = () => [...outline.querySelectorAll("[data-part]")];

/** Remembers where everything stands; the answer puts it back there. */
function snapshot() {
  const places = parts().map((part) => [part, part.parentElement]);
  return () => places.forEach(([part, parent]) => parent.append(part));
}

function placeOf(part) {
  const siblings = [...part.parentElement.children];
  const section = part.matches(LESSON) ? ` in ${part.closest(SECTION).dataset.title}` : "";
  return `${part.dataset.title} is now number ${siblings.indexOf(part) + 1} of ${siblings.length}${section}.`;
}

/** What stands at an end of the outline cannot be moved further. */
function markEnds() {
  for (const kind of [LESSON, SECTION]) {
    const all = [...outline.querySelectorAll(kind)];
    all.forEach((part, index) => {
      const list = part.matches(LESSON) ? part : part.querySelector(".part-head");
      list.querySelector("[value='up']").disabled =
        index === 0 && (kind === SECTION || part.closest(SECTION).previousElementSibling === null);
      list.querySelector("[value='down']").disabled =
        index === all.length - 1 && (kind === SECTION || part.closest(SECTION).nextElementSibling === null);
    });
  }
}

// Saves wait for each other, so that of two quick moves the second is also the last to arrive.
let saved = Promise.resolve();

function save(part, undo) {
  markEnds();
  const order = parts()
    .map((each) => each.dataset.part)
    .join("\n");
  saved = saved.then(() => send(order, part, undo));
}

async function send(order, part, undo) {
  try {
    const answer = await fetch(outline.dataset.outline, {
      method: "POST",
      headers: { "X-CSRF-Token": outline.dataset.token },
      body: new URLSearchParams({ order }),
    });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    status.textContent = placeOf(part);
  } catch (error) {
    undo();
    markEnds();
    status.textContent = `The order was not saved. ${error.message}`;
    status.classList.remove("visually-hidden");
    status.classList.add("bad");
  }
}

/** Moves a part one place; a lesson at the end of its section goes into the neighbouring one. */
function step(part, direction) {
  const [sibling, place] = direction === "up" ? ["previousElementSibling", "before"] : ["nextElementSibling", "after"];
  if (part[sibling]) {
    part[sibling][place](part);
  } else if (part.matches(LESSON)) {
    const neighbour = part.closest(SECTION)[sibling];
    if (neighbour) neighbour.querySelector("[data-lessons]")[direction === "up" ? "append" : "prepend"](part);
  }
}

outline.addEventListener("submit", (event) => {
  const { submitter } = event;
  if (submitter?.value !== "up" && submitter?.value !== "down") return;
  event.preventDefault();
  const part = submitter.closest("[data-part]");
  const undo = snapshot();
  step(part, submitter.value);
  save(part, undo);
  // The pressed button keeps the focus, or its neighbour when it has nothing left to do.
  const other = part.querySelector(`[value='${submitter.value === "up" ? "down" : "up"}']`);
  (submitter.disabled ? other : submitter).focus();
  part.scrollIntoView({ block: "nearest" });
});

/** Puts a dragged part where the pointer is. */
function follow(part, x, y) {
  const under = document.elementFromPoint(x, y);
  const isLesson = part.matches(LESSON);
  const over = under?.closest(isLesson ? LESSON : SECTION);
  if (over && over !== part && outline.contains(over)) {
    const box = over.getBoundingClientRect();
    over[y < box.top + box.height / 2 ? "before" : "after"](part);
    return;
  }
  const section = under?.closest(SECTION);
  if (isLesson && section && !section.contains(part)) {
    const isAbove = section.compareDocumentPosition(part) & Node.DOCUMENT_POSITION_PRECEDING;
    section.querySelector("[data-lessons]")[isAbove ? "prepend" : "append"](part);
  }
}

outline.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest("[data-handle]");
  if (!handle || event.button !== 0) return;
  event.preventDefault();
  const part = handle.closest("[data-part]");
  const parent = part.parentElement;
  const before = parts();
  const undo = snapshot();
  const listening = new AbortController();
  const on = (type, listener) => window.addEventListener(type, listener, { signal: listening.signal });
  part.toggleAttribute("data-dragging", true);

  function end(keep) {
    listening.abort();
    part.toggleAttribute("data-dragging", false);
    if (!keep) undo();
    else if (parts().some((each, index) => each !== before[index]) || part.parentElement !== parent) save(part, undo);
  }
  on("pointermove", (move) => follow(part, move.clientX, move.clientY));
  on("pointerup", () => end(true));
  on("pointercancel", () => end(false));
  on("keydown", (key) => key.key === "Escape" && end(false));
});

outline.toggleAttribute("data-draggable", true);
markEnds();
