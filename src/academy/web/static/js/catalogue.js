// The catalogue: htmx sends the form while one types and chooses; this keeps its addresses short.

document.getElementById("catalogue").addEventListener("htmx:configRequest", (event) => {
  const { parameters } = event.detail;
  for (const [name, value] of Object.entries(parameters)) {
    if (value === "") delete parameters[name];
  }
});
