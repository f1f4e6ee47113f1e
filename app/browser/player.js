// A button that plays the moments of a slider on the page, and a line on a chart at the epoch of the moment.
//
// Python sends {moment, epoch, last, chart, slider}. It receives `at` {moment, resting} at every step, and the next step waits
// until Python has shown that moment. If the visitor moves the slider, playing stops and `at` has no moment: the slider has it.
// This script listens to the slider, because in Python a move of the slider may be a delayed step of the button.

const STEP_MILLISECONDS = 450, LOOK_MILLISECONDS = 100, HANDS = ["pointerdown", "keydown"];

class Player extends Component {
  constructor(button, setStateValue) {
    super(button, setStateValue);
    this.line = document.createElement("div");
    this.line.className = "cursor";
    this.line.style.cssText = "position: absolute; width: 2px; margin-left: -1px; background: #d00000; pointer-events: none";
    button.disabled = false;
    this.hand = (event) => this.walking && event.target.closest?.(`.st-key-${this.data.slider}`) && this.halt();
    HANDS.forEach((kind) => document.addEventListener(kind, this.hand, true));
    button.onclick = () => this.toggle();
  }

  begin() {}

  take(data) {
    this.data = data;
    this.wake();
  }

  stop() {
    super.stop();
    clearTimeout(this.look);
    HANDS.forEach((kind) => document.removeEventListener(kind, this.hand, true));
    this.line.remove();
  }

  // No event reports that Plotly has redrawn the chart or that all pictures are loaded, so `tick` checks both repeatedly.
  tick(now) {
    this.point();
    clearTimeout(this.look);
    if (this.walking) this.wake();
    else this.look = setTimeout(() => this.wake(), LOOK_MILLISECONDS);
    if (!this.walking || this.moment !== this.data.moment || now - this.since < STEP_MILLISECONDS) return;
    if (![...document.images].every((image) => image.complete)) return;
    this.step(this.moment + 1);
  }

  // The line is an element above Plotly's chart. A line inside the figure would redraw it at every moment, which flickers and
  // resets the visitor's zoom and hidden lines.
  point() {
    const chart = document.querySelector(`.st-key-${this.data.chart} .js-plotly-plot`), layout = chart?._fullLayout;
    const paper = chart?.querySelector(".svg-container");
    if (!paper || !layout?.xaxis?.d2p) return;
    const { xaxis, yaxis } = layout, right = xaxis.d2p(this.data.epoch);
    if (this.line.parentElement !== paper) paper.append(this.line);
    this.line.hidden = right < 0 || right > xaxis._length;
    Object.assign(this.line.style, {
      left: `${xaxis._offset + right}px`, top: `${yaxis._offset}px`, height: `${yaxis._length}px`,
    });
  }

  toggle() {
    if (this.walking) this.tell(this.moment, true);
    else this.walk();
  }

  // After the last moment, start again from the first.
  walk() {
    this.step(this.data.moment < this.data.last ? this.data.moment + 1 : 0);
  }

  step(moment) {
    this.since = performance.now();
    this.tell(moment, moment >= this.data.last);
  }

  // Wait until the slider has sent its own value: a rerun that is interrupted loses its pictures before they are shown.
  halt() {
    this.walking = false;
    this.root.textContent = "Play";
    setTimeout(() => this.walking || this.tell(null, true), STEP_MILLISECONDS);
  }

  tell(moment, resting) {
    this.moment = moment;
    this.walking = !resting;
    this.root.textContent = resting ? "Play" : "Pause";
    this.setStateValue("at", { moment, resting });
  }
}

export default mounting(Player, "button");
