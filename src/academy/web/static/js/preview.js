// Shows Markdown as learners will see it while it is typed: a textarea with data-preview="id of the place".

const PAUSE = 250;

function follow(field) {
  const target = document.getElementById(field.dataset.preview);
  const token = field.form.elements._csrf_token.value;
  let timer;
  let running;

  async function render() {
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch("/studio/preview", {
        method: "POST",
        body: new URLSearchParams({ text: field.value, _csrf_token: token }),
        signal: running.signal,
      });
      // Safe HTML: the server cleans it exactly as it does for learners.
      if (answer.ok) target.innerHTML = await answer.text();
    } catch {
      // Superseded by newer text, or offline: the preview stays as it is until the next key.
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(render, PAUSE);
  });
}

document.querySelectorAll("textarea[data-preview]").forEach(follow);
