// The test that the server has drawn: shown at the moments that it names, while the camera records.
// Nothing here decides: the server looks at pictures and sound alone.

const ORDERS = {
  blink: ({ count }) => `Blink slowly ${count} times.`,
  turn: ({ side }, before) => `${before?.side === side ? "Once more: turn" : "Turn"} your head to your ${side}, then back.`,
  light: () => "Look at the screen. Its colour changes.",
  digits: () => "Read these digits aloud, one after another.",
};
const SIGNS = {
  blink: ({ count }) => "●".repeat(count),
  turn: ({ side }) => (side === "left" ? "⟵" : "⟶"),
  light: () => "",
  digits: ({ digits }) => [...digits].join(" "),
};
const REST = "Look at the camera and blink naturally.";

export class ChallengeShow {
  /** `panel` covers the page while a test runs; it holds [data-order], [data-sign], [data-speak] and [data-mirror]. */
  constructor(panel) {
    this.panel = panel;
    this.order = panel.querySelector("[data-order]");
    this.sign = panel.querySelector("[data-sign]");
    this.speak = panel.querySelector("[data-speak]");
    this.mirror = panel.querySelector("[data-mirror]");
    this.steps = [];
    this.shown = undefined;
  }

  /** Begin with `steps`, as the server sent them; `stream` is shown small, so that the face stays in the picture. */
  begin(steps, stream, withSentence) {
    this.steps = steps;
    this.shown = undefined;
    if (!steps.length) return;
    this.speak.hidden = !withSentence;
    this.mirror.srcObject = stream;
    this.mirror.play().catch(() => {}); // a mirror that does not play is no reason to stop
    this.panel.hidden = false;
    this.at(0);
  }

  /** Show what belongs to the moment `seconds` after the first frame. */
  at(seconds) {
    const step = this.steps.find(({ starts, ends }) => seconds >= starts && seconds < ends) ?? null;
    if (step !== this.shown) {
      this.shown = step;
      const before = step ? this.steps[this.steps.indexOf(step) - 1] : null;
      this.order.textContent = step ? ORDERS[step.kind](step, before) : REST;
      this.sign.textContent = step ? SIGNS[step.kind](step) : "";
      this.panel.dataset.kind = step?.kind ?? "";
    }
    const colour = step?.kind === "light" ? step.colours.findLast(([at]) => seconds >= at)?.[1] : null;
    this.panel.style.setProperty("--screen-light", colour ? `rgb(${colour.join(" ")})` : "");
    this.panel.classList.toggle("lit", Boolean(colour));
  }

  end() {
    this.panel.hidden = true;
    this.panel.classList.remove("lit");
    this.mirror.srcObject = null;
    this.steps = [];
  }
}
