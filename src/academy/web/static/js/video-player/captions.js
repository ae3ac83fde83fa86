// Captions: which language, how large; remembered. Drawn here, so that they stand above the controls and can be read.

import { remember, remembered } from "./memory.js";
import { Menu } from "./menu.js";
import { setLabel } from "./wording.js";

const OFF = "off";
const SIZES = ["small", "medium", "large"];

/** Returns what turns them on and off. */
export function setUpCaptions(video, say) {
  const button = document.getElementById("captions");
  const menu = new Menu(button, document.getElementById("captions-menu"));
  const place = document.getElementById("cues");
  const tracks = [...video.textTracks].filter(({ kind }) => kind === "captions" || kind === "subtitles");
  let size = SIZES.includes(remembered("captions-size")) ? remembered("captions-size") : "medium";
  let shown = null;
  const marked = video.querySelector("track[default]:is([kind=captions], [kind=subtitles])")?.track;
  const usual = tracks.find(({ language }) => language === remembered("captions-language"));
  let preferred = usual ?? marked ?? tracks[0];

  function draw() {
    // Not `activeCues`: browsers fill those only once it plays, and who has paused wants to read, too.
    const now = video.currentTime;
    const cues = [...(shown?.cues ?? [])].filter(({ startTime, endTime }) => startTime <= now && now < endTime);
    place.hidden = !cues.length;
    place.replaceChildren(
      ...cues.map((cue) => {
        const line = document.createElement("p");
        const text = document.createElement("span");
        text.append(cue.getCueAsHTML());
        line.append(text);
        return line;
      }),
    );
  }

  function show(track) {
    shown?.removeEventListener("cuechange", draw);
    shown = track;
    for (const one of tracks) one.mode = one === track ? "hidden" : "disabled";
    track?.addEventListener("cuechange", draw);
    place.lang = track?.language ?? "";
    draw();
    showChoice();
  }

  function choose(value) {
    const track = tracks[value] ?? null;
    preferred = track ?? preferred;
    remember("captions", track ? "on" : OFF);
    if (track) remember("captions-language", track.language);
    show(track);
    say(track ? `Captions: ${track.label}` : "Captions off");
  }

  function resize(value) {
    size = value;
    remember("captions-size", size);
    showChoice();
  }

  function showChoice() {
    place.dataset.size = size;
    button.classList.toggle("is-on", Boolean(shown));
    setLabel(button, shown ? `Captions ${shown.label}` : "Captions off", "c");
    const languages = tracks.map(({ label, language }, index) => ({ value: index, text: label, lang: language }));
    const chosen = shown ? tracks.indexOf(shown) : OFF;
    menu.fill([
      { label: "Captions", items: [{ value: OFF, text: "Off" }, ...languages], chosen, choose },
      {
        label: "Size",
        items: SIZES.map((value) => ({ value, text: value[0].toUpperCase() + value.slice(1) })),
        chosen: size,
        choose: resize,
      },
    ]);
  }

  button.hidden = !tracks.length;
  if (!tracks.length) return () => say("This video has no captions");
  const wish = remembered("captions");
  show(wish === "on" || (wish === null && marked) ? preferred : null);
  for (const element of video.querySelectorAll("track")) element.addEventListener("load", draw);
  video.addEventListener("seeked", draw);
  // An iPhone's full screen shows nothing of the page.
  video.addEventListener("webkitbeginfullscreen", () => shown && (shown.mode = "showing"));
  video.addEventListener("webkitendfullscreen", () => shown && (shown.mode = "hidden"));
  return () => choose(shown ? OFF : tracks.indexOf(preferred));
}
