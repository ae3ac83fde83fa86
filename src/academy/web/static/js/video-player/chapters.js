// Chapters: their marks on the bar, and which one a second is in.

export class Chapters {
  #track;

  constructor(video, marks, whenKnown) {
    this.#track = [...video.textTracks].find(({ kind }) => kind === "chapters");
    if (!this.#track) return;
    const element = [...video.querySelectorAll("track")].find(({ track }) => track === this.#track);
    const draw = () => {
      if (!video.duration || !this.#track.cues) return;
      const starts = [...this.#track.cues].map(({ startTime }) => startTime).filter((start) => start > 0);
      marks.replaceChildren(
        ...starts.map((start) => {
          const mark = document.createElement("i");
          mark.style.insetInlineStart = `${(start / video.duration) * 100}%`;
          return mark;
        }),
      );
      whenKnown();
    };
    element.addEventListener("load", draw);
    video.addEventListener("durationchange", draw);
    this.#track.mode = "hidden"; // Loads it and shows nothing.
  }

  /** The title of the chapter that a second lies in, "" when there is none. */
  at(second) {
    const cue = [...(this.#track?.cues ?? [])].findLast(({ startTime }) => startTime <= second);
    return cue?.text ?? "";
  }
}
