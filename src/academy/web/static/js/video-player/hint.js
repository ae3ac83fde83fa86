// What was just done, in a few words: for a moment on the picture, and to screen readers.

const SHOWN_MS = 1400;

export function hintIn(element) {
  let timer = 0;
  return (text) => {
    element.textContent = text;
    element.classList.add("is-shown");
    clearTimeout(timer);
    timer = setTimeout(() => {
      element.classList.remove("is-shown");
      element.textContent = "";
    }, Math.max(SHOWN_MS, text.length * 60));
  };
}
