// The catalogue: htmx sends the form while one types and chooses; this keeps its addresses short, and on a phone tells
// beside the filters, which hide the results there, how many courses they leave.

const form = document.getElementById("catalogue");
const panel = form.querySelector("#filters details");
const results = document.getElementById("results");
const button = document.getElementById("show-found");
const inUse = document.getElementById("filters-in-use");

form.addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  for (const [name, value] of Object.entries(parameters)) {
    if (value === "") delete parameters[name];
  }
});

function showCount() {
  const { found } = results.querySelector(".result-count").dataset;
  button.textContent = found.startsWith("No ") ? `${found} like this` : `Show ${found}`;
  const chosen = panel.querySelectorAll("input:checked:not([value=''])").length;
  inUse.firstElementChild.textContent = chosen;
  inUse.hidden = !chosen;
}
form.addEventListener("htmx:afterSwap", showCount);
showCount();

button.addEventListener("click", (event) => {
  event.preventDefault(); // The results are there already.
  panel.open = false;
  results.scrollIntoView({ block: "start" });
  results.focus({ preventScroll: true });
});
