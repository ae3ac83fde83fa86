// What a learner chose once, on this device: speed, volume, captions, quality.

export function remember(name, value) {
  try {
    localStorage.setItem(`academy.${name}`, value);
  } catch {
    // Storage is forbidden: it holds for this page.
  }
}

export function remembered(name) {
  try {
    return localStorage.getItem(`academy.${name}`);
  } catch {
    return null;
  }
}
